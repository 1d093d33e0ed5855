#include "sync/engine/store_port.hpp"

namespace syncd::engine {

api::Task<core::Result<std::optional<core::LinkId>>> StorePort::next_link(std::string) {
  co_return std::nullopt;
}

api::Task<core::Result<std::vector<core::HintOutcome>>> StorePort::put_hints(std::vector<core::Hint> hints) {
  co_return std::vector<core::HintOutcome>(hints.size(), core::HintOutcome::accepted);
}

api::Task<core::Result<std::optional<std::string>>> StorePort::note(std::string) {
  co_return std::nullopt;
}

api::Task<core::Result<void>> StorePort::put_note(std::string, std::string) {
  co_return core::Result<void>{};
}

api::Task<core::Result<bool>> StorePort::put_link_note(core::LinkId, std::string, std::string) {
  co_return true;
}

}  // namespace syncd::engine
