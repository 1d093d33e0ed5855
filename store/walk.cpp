#include "store/walk.hpp"

#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace syncd::store {
namespace {

constexpr std::size_t page = 1000;

// `read` gives the page behind `after`, `visit` gets each of its items.
template <class Read, class Visit>
core::Result<void> for_each_page(Read read, Visit visit) {
  std::string after;
  while (true) {
    const auto listing = read(after);
    if (!listing) return std::unexpected(listing.error());
    for (const auto& item : listing->items) {
      if (auto visited = visit(item); !visited) return visited;
    }
    if (listing->next.empty()) return {};
    after = listing->next;
  }
}

auto count_in(std::uint64_t& count) {
  return [&count](const auto&) {
    ++count;
    return core::Result<void>{};
  };
}

core::Result<void> walk_link(Store& store, const core::LinkId& link_id, StoreWalk& walk) {
  const auto accounts = [&](const std::string& after) { return store.accounts(link_id, after, page); };
  if (auto done = for_each_page(accounts, count_in(walk.accounts)); !done) return done;
  const auto rows = [&](const std::string& after) { return store.transactions(link_id, after, page); };
  if (auto done = for_each_page(rows, count_in(walk.transactions)); !done) return done;
  const auto object = store.link_object(link_id);
  if (!object) return std::unexpected(object.error());
  return {};
}

core::Result<std::uint64_t> walk_acts(Store& store) {
  const auto walked = store.check_audit({}, std::numeric_limits<std::size_t>::max());
  if (!walked) return std::unexpected(walked.error());
  if (walked->broken_at == 0) return walked->end.sequence;
  return core::fail(core::Errc::storage, fmt::format("the audit log is broken at act {}", walked->broken_at));
}

}  // namespace

core::Result<StoreWalk> walk_store(Store& store) {
  StoreWalk walk;
  const auto links = [&](const std::string& after) { return store.links(after, page, std::nullopt); };
  const auto of_link = [&](const core::LinkRecord& link) {
    ++walk.links;
    return walk_link(store, link.link_id, walk);
  };
  if (auto done = for_each_page(links, of_link); !done) return std::unexpected(done.error());
  const RelinkFilter any{.state = RelinkFilter::State::any};
  const auto entries = [&](const std::string& after) { return store.relink_entries(after, page, any); };
  if (auto done = for_each_page(entries, count_in(walk.relink_entries)); !done)
    return std::unexpected(done.error());
  const auto letters = [&](const std::string& after) { return store.dead_letters(after, page); };
  if (auto done = for_each_page(letters, count_in(walk.dead_letters)); !done)
    return std::unexpected(done.error());
  const auto acts = walk_acts(store);
  if (!acts) return std::unexpected(acts.error());
  walk.acts = *acts;
  return walk;
}

}  // namespace syncd::store
