#pragma once

#include <cstdint>
#include <optional>

#include "store/relink_census.hpp"
#include "sync/engine/store_gateway.hpp"

namespace syncd::daemon {

// How many entries stand in one half of the relink queue. Counted again only when an entry has changed, and
// in steps between which other work gets the store.
//
// Thread: the io thread. `store` outlives every task.
class RelinkCounter {
 public:
  enum class Half : std::uint8_t { live, ended };
  RelinkCounter(engine::StoreGateway& store, Half half) : store_(store), half_(half) {}

  // Errc::storage as the store says it.
  api::Task<core::Result<store::RelinkCensus>> count();

 private:
  engine::StoreGateway& store_;
  Half half_;
  std::optional<store::RelinkCensus> counted_;
  std::uint64_t counted_revision_ = 0;
};

}  // namespace syncd::daemon
