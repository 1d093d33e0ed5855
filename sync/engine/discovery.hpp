#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/task.hpp"
#include "sync/core/types.hpp"
#include "sync/engine/link_table.hpp"

namespace syncd::engine {

// What a comparison of GET /links with the table found. Absence upstream proves nothing (the list may leave
// out links in error): it is a reason to look, never to delete.
struct Differences {
  static constexpr std::size_t listed_max = 100'000;
  std::vector<core::LinkId> only_upstream;  // the first listed_max
  std::uint64_t only_upstream_count = 0;
  std::vector<core::LinkId> only_here;  // neither paused nor gone; the first listed_max
  std::uint64_t only_here_count = 0;
};

// Whether the link was purged here: one that upstream still lists is no difference.
using WasPurged = std::function<api::Task<bool>(core::LinkId)>;

// Pages through the whole list. Errors: those of MoneykitApi::links; protocol when the list does not end;
// cancelled when `on_hold` is true before a page is asked for.
api::Task<core::Result<Differences>> compare_links(api::MoneykitApi& upstream, const LinkTable& table,
                                                   WasPurged was_purged, const bool& on_hold);

}  // namespace syncd::engine
