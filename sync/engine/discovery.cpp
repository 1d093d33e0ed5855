#include "sync/engine/discovery.hpp"

#include <memory>
#include <utility>

#include "sync/core/schedule.hpp"

namespace syncd::engine {

namespace {

// Upstream gives at least 500 ids a page: this is more than ten million links.
constexpr std::uint32_t list_pages_max = 20'000;

// Whether the table has it. One that was purged may come back while this runs.
bool meet(std::string_view id, const LinkTable& table, std::vector<bool>& met) {
  const auto slot = table.find_any(id);
  if (slot && *slot < met.size()) met[*slot] = true;
  return slot && !table.buried(*slot);
}

void note_unknown(core::LinkId link_id, Differences& found) {
  ++found.only_upstream_count;
  if (found.only_upstream.size() < Differences::listed_max) found.only_upstream.push_back(std::move(link_id));
}

void note_missing(const LinkTable& table, const std::vector<bool>& met, Differences& found) {
  for (LinkTable::Slot slot = 0; slot < met.size(); ++slot) {
    if (met[slot] || !core::visited_by_schedule(table.status(slot))) continue;
    ++found.only_here_count;
    if (found.only_here.size() < Differences::listed_max) {
      found.only_here.push_back(core::LinkId{std::string(table.id(slot))});
    }
  }
}

}  // namespace

api::Task<core::Result<Differences>> compare_links(api::MoneykitApi& upstream, const LinkTable& table,
                                                   WasPurged was_purged, const bool& on_hold) {
  Differences found;
  std::vector<bool> met(table.slots());  // links added while this runs are not judged
  std::string cursor;
  for (std::uint32_t page_count = 0; page_count < list_pages_max; ++page_count) {
    if (on_hold) co_return core::fail(core::Errc::cancelled, "nothing is fetched now");
    auto page = co_await upstream.links(cursor);
    if (!page) co_return std::unexpected(std::move(page.error()));
    for (const std::string_view id : (*page)->link_ids) {
      if (meet(id, table, met)) continue;
      core::LinkId link_id{std::string(id)};
      const bool purged = co_await was_purged(link_id);
      if (!purged && !meet(id, table, met)) note_unknown(std::move(link_id), found);
    }
    std::string next{(*page)->next};
    if (next.empty()) {
      note_missing(table, met, found);
      co_return found;
    }
    if (next == cursor) co_return core::fail(core::Errc::protocol, "the list of links repeats its cursor");
    cursor = std::move(next);
  }
  co_return core::fail(core::Errc::protocol, "the list of links does not end");
}

}  // namespace syncd::engine
