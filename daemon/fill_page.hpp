#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>

#include "store/store.hpp"
#include "sync/engine/store_gateway.hpp"

namespace syncd::daemon {

// Calls of the store that one page may take: 200,000 records that do not fit are passed over at most. Then
// the page is given out as it is, with the place where the next one goes on.
inline constexpr std::size_t page_calls_max = 4;

// A page of a listing that passes over what does not fit. The store ends each call early (skipped_max in
// store/), so that a search which finds little does not keep commits waiting; this goes on where it ended
// until there are `limit` items, at least 1, or no more. `read(store, after, limit)` is Store's listing; what
// it refers to outlives the task.
template <class Read>
auto fill_page(engine::StoreGateway& store, std::string after, std::size_t limit, Read read)
    -> api::Task<std::invoke_result_t<Read&, store::Store&, const std::string&, std::size_t>> {
  limit = std::max<std::size_t>(limit, 1);
  auto work = [&](store::Store& from) { return read(from, after, limit); };
  auto page = co_await store.run(work);
  for (std::size_t calls = 1; calls < page_calls_max; ++calls) {
    if (!page || page->next.empty() || page->items.size() >= limit) break;
    auto more = [&](store::Store& from) { return read(from, page->next, limit - page->items.size()); };
    auto rest = co_await store.run(more);
    if (!rest) co_return std::move(rest);
    std::ranges::move(rest->items, std::back_inserter(page->items));
    page->next = std::move(rest->next);
  }
  co_return std::move(page);
}

}  // namespace syncd::daemon
