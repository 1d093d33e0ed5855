#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/store_impl.hpp"

// The relink queue in its order, and links by what people know of them.
namespace syncd::store {
namespace {

constexpr std::size_t limit_max = 1000;
// As for every filtered listing: bounds the time that one call keeps the store busy.
constexpr std::size_t skipped_max = 50'000;

std::size_t clamp_limit(std::size_t limit) {
  return std::clamp<std::size_t>(limit, 1, limit_max);
}

bool begins_with(std::string_view text, const std::string& prefix) {
  return text.starts_with(prefix);
}

bool is_wanted(RelinkFilter::State state, core::RelinkStatus status) {
  using enum RelinkFilter::State;
  switch (state) {
    case live:
      return core::is_live(status);
    case open:
      return status == core::RelinkStatus::open;
    case claimed:
      return status == core::RelinkStatus::claimed;
    case session_issued:
      return status == core::RelinkStatus::session_issued;
    case resolved:
      return !core::is_live(status);
    case any:
      return true;
  }
  return false;
}

bool is_wanted(const RelinkFilter& filter, const RelinkPlace& place, std::string_view link_id) {
  const auto equals = [](const std::string& wanted, std::string_view is) {
    return wanted.empty() || wanted == is;
  };
  return is_wanted(filter.state, place.status) && equals(filter.institution_id, place.institution_id) &&
         equals(filter.reason, place.reason) && equals(filter.assignee, place.assignee) &&
         (begins_with(link_id, filter.search) || begins_with(place.customer_user_id, filter.search));
}

// `1:milliseconds:link`; 1: among the live ones, 2: among the others.
std::string place_text(const QueueKey& key) {
  return fmt::format("{}:{}:{}", key.live ? 1 : 2, key.at.time_since_epoch().count(), key.link_id);
}

std::optional<QueueKey> parse_place(std::string_view text) {
  if (text.size() < 2 || (text[0] != '1' && text[0] != '2') || text[1] != ':') return std::nullopt;
  QueueKey key{.live = text[0] == '1', .at = {}, .link_id = {}};
  text.remove_prefix(2);
  std::int64_t at_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), at_ms);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc{} || !text.starts_with(':') || !is_storable_id(text.substr(1))) return std::nullopt;
  key.at = core::WallTime{core::Millis{at_ms}};
  key.link_id = text.substr(1);
  return key;
}

// One walk over the live places or over the others, in either direction.
class QueueWalk {
 public:
  QueueWalk(Database& database, bool live, bool backwards, const std::optional<QueueKey>& after)
      : scan_(database, Family::relink, queue_begin(live), queue_end(live)), backwards_(backwards) {
    if (after) {
      const std::string key = queue_key(after->live, after->at, after->link_id);
      backwards ? scan_.seek_back(key) : scan_.seek(key);
      if (scan_.valid() && scan_.key() == key) next();
    } else if (backwards) {
      scan_.seek_last();
    }
  }
  bool valid() const { return scan_.valid(); }
  void next() { backwards_ ? scan_.previous() : scan_.next(); }
  std::string_view key() const { return scan_.key(); }
  std::string_view value() const { return scan_.value(); }
  core::Result<void> finish() { return scan_.finish("list the relink queue"); }

 private:
  Scan scan_;
  bool backwards_;
};

// Links whose ids begin with `prefix`, in the order of their keys: by length, so the walk jumps from the end
// of one length's range to the next length that there is.
class PrefixWalk {
 public:
  PrefixWalk(Database& database, std::string_view prefix, std::string_view after)
      : scan_(database, Family::links, {}, std::string(links_end)), prefix_(prefix) {
    if (after.empty()) {
      seek(std::max<std::size_t>(prefix.size(), 1));
    } else {
      scan_.seek(link_key(after) + '\0');
      settle();
    }
  }
  bool valid() const { return scan_.valid(); }
  void next() {
    scan_.next();
    settle();
  }
  std::string_view link_id() const { return scan_.key().substr(2); }
  std::string_view value() const { return scan_.value(); }
  core::Result<void> finish() { return scan_.finish("search links"); }

 private:
  void seek(std::size_t length) {
    if (length > core::id_bytes_max) return scan_.seek(links_end);
    std::string key;
    key.push_back(static_cast<char>(length >> 8));
    key.push_back(static_cast<char>(length & 0xff));
    scan_.seek(key + prefix_);
    settle();
  }
  void settle() {
    while (scan_.valid() && !link_id().starts_with(prefix_)) {
      const std::size_t length = link_id().size();
      const bool before = link_id() < std::string_view(prefix_);
      std::string key(scan_.key().substr(0, 2));
      if (length < prefix_.size() || !before) {
        const std::size_t longer = std::max(length + 1, prefix_.size());
        if (longer > core::id_bytes_max) return scan_.seek(links_end);
        key = {static_cast<char>(longer >> 8), static_cast<char>(longer & 0xff)};
      }
      scan_.seek(key + prefix_);
    }
  }

  Scan scan_;
  std::string prefix_;
};

// What a list shows of the entry whose place was found; an entry and its place are written together.
core::Result<core::RelinkEntry> listed_entry(Database& database, std::string_view link_id) {
  const auto value = database.get(Family::relink, link_key(link_id));
  if (!value) return std::unexpected(value.error());
  auto entry = *value ? decode_relink_head(link_id, **value)
                      : core::Result<core::RelinkEntry>(std::unexpected(damaged("place")));
  if (!entry) return std::unexpected(database.failed("list the relink queue", entry.error()));
  return entry;
}

core::Error bad_place(std::string_view list) {
  return {.code = core::Errc::invalid,
          .message = fmt::format("this is not a place in {}; start without one", list)};
}

// `i:LINK` or `u:BYTES:USERLINK`, BYTES being those of USER.
struct SearchPlace {
  bool by_user = false;
  std::string_view user;
  std::string_view link_id;
};

std::optional<SearchPlace> parse_search_place(std::string_view text) {
  if (text.empty()) return SearchPlace{};
  if (text.starts_with("i:") && is_storable_id(text.substr(2))) return SearchPlace{false, {}, text.substr(2)};
  if (!text.starts_with("u:")) return std::nullopt;
  text.remove_prefix(2);
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc{} || !text.starts_with(':') || text.size() - 1 < bytes) return std::nullopt;
  const SearchPlace place{true, text.substr(1, bytes), text.substr(1 + bytes)};
  const bool whole = core::is_valid_id(place.user) && is_storable_id(place.link_id);
  return whole ? std::optional(place) : std::nullopt;
}

core::Result<core::LinkRecord> record_of(Database& database, std::string_view link_id) {
  const auto value = database.get(Family::links, link_key(link_id));
  if (!value) return std::unexpected(value.error());
  auto record = *value ? decode_link(link_id, **value)
                       : core::Result<core::LinkRecord>(std::unexpected(damaged("link of a user")));
  if (!record) return std::unexpected(database.failed("search links", record.error()));
  return record;
}

core::Result<void> search_ids(Database& database, std::string_view prefix, std::string_view after,
                              std::size_t limit, Listing<core::LinkRecord>& listing) {
  PrefixWalk walk(database, prefix, after);
  for (; walk.valid(); walk.next()) {
    if (listing.items.size() == limit) {
      listing.next = "i:" + listing.items.back().link_id.str();
      return {};
    }
    auto record = decode_link(walk.link_id(), walk.value());
    if (!record) return std::unexpected(database.failed("search links", record.error()));
    listing.items.push_back(std::move(*record));
  }
  return walk.finish();
}

core::Result<void> search_users(Database& database, std::string_view prefix, const SearchPlace& after,
                                std::size_t limit, Listing<core::LinkRecord>& listing) {
  const bool anew = !after.by_user;
  Scan scan(database, Family::links,
            anew ? user_prefix(prefix) : user_link_key(after.user, after.link_id) + '\0', {});
  for (std::size_t skipped = 0; scan.valid(); scan.next()) {
    const auto key = parse_user_link_key(scan.key());
    if (!key) return std::unexpected(database.failed("search links", damaged("link of a user")));
    if (!key->customer_user_id.starts_with(prefix)) break;
    if (key->link_id.starts_with(prefix)) {  // found by its id
      if (++skipped < skipped_max) continue;
      listing.next =
          fmt::format("u:{}:{}{}", key->customer_user_id.size(), key->customer_user_id, key->link_id);
      return {};
    }
    if (listing.items.size() == limit) {
      const core::LinkRecord& last = listing.items.back();
      listing.next = last.link_id.str().starts_with(prefix)
                         ? "i:" + last.link_id.str()
                         : fmt::format("u:{}:{}{}", last.customer_user_id.size(), last.customer_user_id,
                                       last.link_id.str());
      return {};
    }
    auto record = record_of(database, key->link_id);
    if (!record) return std::unexpected(record.error());
    listing.items.push_back(std::move(*record));
  }
  return scan.finish("search links");
}

}  // namespace

core::Result<Listing<core::RelinkEntry>> Store::relink_entries(std::string_view after, std::size_t limit,
                                                               const RelinkFilter& filter) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  auto& database = *impl_->database;
  const auto place = after.empty() ? std::nullopt : parse_place(after);
  if (!after.empty() && !place) return std::unexpected(bad_place("the relink queue"));
  limit = clamp_limit(limit);
  Listing<core::RelinkEntry> listing;
  std::size_t skipped = 0;
  const auto full = [&] { return listing.items.size() == limit || skipped == skipped_max; };
  std::string last;  // the place that made it full
  for (const bool live : {true, false}) {
    const bool behind = place && live && !place->live;
    const bool none =
        live ? filter.state == RelinkFilter::State::resolved
             : filter.state != RelinkFilter::State::resolved && filter.state != RelinkFilter::State::any;
    if (behind || none) continue;
    QueueWalk walk(database, live, filter.newest_first, place && place->live == live ? place : std::nullopt);
    for (; walk.valid(); walk.next()) {
      const auto key = parse_queue_key(walk.key());
      const auto found = decode_relink_place(walk.value());
      if (!key) return std::unexpected(database.failed("list the relink queue", damaged("place")));
      if (!found) return std::unexpected(database.failed("list the relink queue", found.error()));
      if (full()) {
        listing.next = std::move(last);
        return listing;
      }
      if (is_wanted(filter, *found, key->link_id)) {
        auto entry = listed_entry(database, key->link_id);
        if (!entry) return std::unexpected(entry.error());
        listing.items.push_back(std::move(*entry));
      } else {
        ++skipped;
      }
      if (full()) last = place_text(*key);
    }
    if (auto done = walk.finish(); !done) return std::unexpected(done.error());
  }
  return listing;
}

void RelinkCensus::add(std::string_view reason, core::RelinkStatus status) {
  ++entries;
  const auto counts = [&](std::string_view counted) {
    return std::ranges::find_if(
        totals, [&](const Total& total) { return total.status == status && total.reason == counted; });
  };
  auto found = counts(reason);
  if (found == totals.end() && totals.size() >= relink_totals_max) {
    reason = relink_reason_other;
    found = counts(reason);
  }
  if (found == totals.end()) found = totals.insert(found, {.reason = std::string(reason), .status = status});
  ++found->entries;
}

core::Result<RelinkCensus> Store::count_relinks(bool live, RelinkCensus census) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  auto& database = *impl_->database;
  const auto place = census.next.empty() ? std::nullopt : parse_place(census.next);
  if (!census.next.empty() && (!place || place->live != live))
    return std::unexpected(bad_place("this half of the relink queue"));
  QueueWalk walk(database, live, false, place);
  for (std::size_t counted = 0; walk.valid(); walk.next()) {
    const auto key = parse_queue_key(walk.key());
    const auto found = decode_relink_place(walk.value());
    if (!key) return std::unexpected(database.failed("count the relink queue", damaged("place")));
    if (!found) return std::unexpected(database.failed("count the relink queue", found.error()));
    if (!census.earliest_at) census.earliest_at = key->at;
    census.add(found->reason, found->status);
    if (++counted < relink_places_counted_max) continue;
    census.next = place_text(*key);
    return census;
  }
  if (auto done = walk.finish(); !done) return std::unexpected(done.error());
  census.finished = true;
  return census;
}

core::Result<Listing<core::LinkRecord>> Store::search_links(std::string_view prefix, std::string_view after,
                                                            std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  auto& database = *impl_->database;
  const auto place = parse_search_place(after);
  if (!place) return std::unexpected(bad_place("the links found"));
  limit = clamp_limit(limit);
  Listing<core::LinkRecord> listing;
  if (!place->by_user) {
    auto found = search_ids(database, prefix, place->link_id, limit, listing);
    if (!found) return std::unexpected(found.error());
    if (!listing.next.empty()) return listing;
  }
  auto found = search_users(database, prefix, *place, limit, listing);
  if (!found) return std::unexpected(found.error());
  return listing;
}

}  // namespace syncd::store
