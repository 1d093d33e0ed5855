#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "daemon/admin/http.hpp"
#include "daemon/json_writer.hpp"
#include "store/store.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/types.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// What the routes have in common.

inline constexpr std::uint64_t limit_default = 100;
inline constexpr std::uint64_t limit_max = 1000;
inline constexpr core::Millis wait_max{60'000};
inline constexpr std::size_t after_bytes_max = 256;  // an id: `next` of most lists is the last one
// Of the lists whose places are more than an id: two, or one with a time.
inline constexpr std::size_t place_bytes_max = 2 * core::id_bytes_max + 32;

// When to ask again where nobody can know it better.
inline constexpr core::Millis back_after_restart{5'000};  // RestartSec= of the unit
inline constexpr core::Millis look_again_after{10'000};   // at what a person must mend
inline constexpr core::Millis credentials_after{60'000};  // are tried by themselves in between

HttpResponse refuse_parameter(std::string_view detail);
HttpResponse from_error(const core::Error& error);
// `conflict`, or why it is one (sync/core/conflict_codes.hpp).
std::string_view conflict_code(const core::Error& error);
HttpResponse no_such_link(const core::LinkId& link_id);
HttpResponse json(int status, JsonWriter& writer);
// 200 with the report of a visit that ended, 202 for one that is still to come.
HttpResponse visit_answer(const core::LinkId& link_id, const std::optional<core::CycleReport>& report);
// Who asks and, of a request with an Idempotency-Key, which request it is: for the audit log.
engine::Requester requester_of(const HttpRequest& request);

// `{"items":[...],"next":"..."}`
template <class Listing, class Write>
HttpResponse list_of(const Listing& listing, Write write) {
  JsonWriter writer;
  writer.begin_object().key("items").begin_array();
  for (const auto& item : listing.items)
    write(writer, item);
  writer.end_array();
  if (!listing.next.empty()) writer.member("next", std::string_view(listing.next));
  writer.end_object();
  return json(200, writer);
}

// The page that begins at `first` of what is held in memory and in order; `name_of` gives what to pass as
// `after`.
template <class Iterator, class NameOf>
auto page_from(Iterator first, Iterator end, std::uint64_t limit, NameOf name_of) {
  store::Listing<std::iter_value_t<Iterator>> page;
  const auto rest = static_cast<std::uint64_t>(end - first);
  page.items.assign(first, first + static_cast<std::ptrdiff_t>(std::min(limit, rest)));
  if (rest > limit) page.next = name_of(page.items.back());
  return page;
}

}  // namespace syncd::daemon
