#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/store_impl.hpp"

// Reading rows: for the diff (lookup) and for people (listings).
namespace syncd::store {
namespace {

constexpr std::size_t limit_max = 1000;
// Records that one filtered listing may skip before it hands back a place to go on from: bounds the time that
// one call keeps the store busy (about 10 ms).
constexpr std::size_t skipped_max = 50'000;
// Keys of one MultiGet: bounds the blocks pinned at once.
constexpr std::size_t multi_get_max = 512;

std::size_t clamp_limit(std::size_t limit) {
  return std::clamp<std::size_t>(limit, 1, limit_max);
}

// Every id of `link_id` with `kind`.
core::Result<void> for_each_row(
    Database& database, const core::LinkId& link_id, RowKind kind,
    const std::function<core::Result<void>(std::string_view, std::string_view)>& visit) {
  const auto number = std::to_underlying(kind);
  const auto prefix = kind_prefix(link_id.str(), number);
  Scan scan(database, Family::transactions, prefix, kind_prefix_end(link_id.str(), number));
  for (; scan.valid(); scan.next()) {
    if (auto visited = visit(scan.key().substr(prefix.size()), scan.value()); !visited) return visited;
  }
  return scan.finish("read rows");
}

// Rows of `ids`, appended in the order of `ids`; ids without a row are left out.
core::Result<void> get_rows(Database& database, const core::LinkId& link_id,
                            std::span<const std::string_view> ids,
                            std::vector<core::StoredTransaction>& rows) {
  const bool sorted = std::ranges::is_sorted(ids);
  std::vector<std::string> keys;
  std::vector<rocksdb::Slice> slices;
  std::vector<rocksdb::PinnableSlice> values;
  std::vector<rocksdb::Status> statuses;
  while (!ids.empty()) {
    const auto part = ids.first(std::min(ids.size(), multi_get_max));
    ids = ids.subspan(part.size());
    keys.clear();
    for (const auto id : part)
      keys.push_back(row_key(link_id.str(), RowKind::visible, id));
    slices.assign(keys.begin(), keys.end());
    values.clear();
    values.resize(part.size());
    statuses.assign(part.size(), rocksdb::Status::OK());
    database.db().MultiGet(rocksdb::ReadOptions{}, database.family(Family::transactions), part.size(),
                           slices.data(), values.data(), statuses.data(), sorted);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return std::unexpected(database.failed("look up rows", statuses[i]));
      auto row = decode_row(part[i], to_view(values[i]));
      if (!row) return std::unexpected(database.failed("look up rows", row.error()));
      rows.push_back(std::move(*row));
    }
  }
  return {};
}

core::Result<void> get_pending(Database& database, const core::LinkId& link_id,
                               std::vector<core::StoredTransaction>& rows) {
  std::vector<std::string> ids;
  auto scanned = for_each_row(database, link_id, RowKind::pending_index,
                              [&ids](std::string_view id, std::string_view) -> core::Result<void> {
                                ids.emplace_back(id);
                                return {};
                              });
  if (!scanned) return scanned;
  const std::vector<std::string_view> views(ids.begin(), ids.end());
  const auto before = rows.size();
  if (auto got = get_rows(database, link_id, views, rows); !got) return got;
  const auto stale = std::remove_if(rows.begin() + static_cast<std::ptrdiff_t>(before), rows.end(),
                                    [](const core::StoredTransaction& row) { return !row.pending; });
  rows.erase(stale, rows.end());
  return {};
}

core::Result<void> get_stale(Database& database, const core::LookupRequest& request,
                             std::vector<core::StoredTransaction>& rows) {
  const auto number = std::to_underlying(RowKind::visible);
  const auto prefix = kind_prefix(request.link_id.str(), number);
  auto lower = prefix;
  if (!request.stale_after.empty()) lower.append(request.stale_after).push_back('\0');
  Scan scan(database, Family::transactions, lower, kind_prefix_end(request.link_id.str(), number));
  for (std::uint32_t found = 0; scan.valid(); scan.next()) {
    if (request.stale_limit != 0 && found == request.stale_limit) return {};
    const auto generation = decode_row_generation(scan.value());
    if (!generation) return std::unexpected(database.failed("read rows", generation.error()));
    if (*generation >= request.stale_below) continue;
    auto row = decode_row(scan.key().substr(prefix.size()), scan.value());
    if (!row) return std::unexpected(database.failed("read rows", row.error()));
    rows.push_back(std::move(*row));
    ++found;
  }
  return scan.finish("read rows");
}

core::Result<void> get_staged(Database& database, const core::LinkId& link_id,
                              std::vector<core::StoredTransaction>& rows) {
  return for_each_row(database, link_id, RowKind::staged,
                      [&](std::string_view id, std::string_view value) -> core::Result<void> {
                        auto row = decode_row(id, value);
                        if (!row) return std::unexpected(database.failed("read staged rows", row.error()));
                        rows.push_back(std::move(*row));
                        return {};
                      });
}

// A page of one kind of one link's rows. `decode(id, value)` answers a Result.
template <class T, class Decode>
core::Result<Listing<T>> list_rows(Database& database, Family family, std::string_view link_id,
                                   std::uint8_t kind, std::string_view after, std::size_t limit,
                                   Decode decode) {
  Listing<T> listing;
  if (!is_storable_id(link_id)) return listing;
  limit = clamp_limit(limit);
  const auto prefix = kind_prefix(link_id, kind);
  auto lower = prefix;
  if (!after.empty()) lower.append(after).push_back('\0');  // the first key behind `after`
  Scan scan(database, family, lower, kind_prefix_end(link_id, kind));
  std::string last;
  for (; scan.valid(); scan.next()) {
    if (listing.items.size() == limit) {
      listing.next = last;
      return listing;
    }
    const auto id = scan.key().substr(prefix.size());
    auto item = decode(id, scan.value());
    if (!item) return std::unexpected(database.failed("list rows", item.error()));
    listing.items.push_back(std::move(*item));
    last = id;
  }
  if (auto done = scan.finish("list rows"); !done) return std::unexpected(done.error());
  return listing;
}

// A page of a family with one value per link. `wanted(value)` answers Result<bool>, `decode(id, value)` a
// Result<T>.
template <class T, class Wanted, class Decode>
core::Result<Listing<T>> list_links(Database& database, Family family, std::string_view after,
                                    std::size_t limit, Wanted wanted, Decode decode) {
  Listing<T> listing;
  limit = clamp_limit(limit);
  std::string lower;
  if (is_storable_id(after)) {
    lower = link_key(after);
    lower.push_back('\0');
  }
  Scan scan(database, family, lower, std::string(links_end));
  std::string last;
  for (std::size_t skipped = 0; scan.valid(); scan.next()) {
    if (listing.items.size() == limit || skipped == skipped_max) {
      listing.next = last;
      return listing;
    }
    const auto link_id = parse_link_key(scan.key());
    if (!link_id) return std::unexpected(database.failed("list links", damaged("link key")));
    last = *link_id;
    const core::Result<bool> want = wanted(scan.value());
    if (!want) return std::unexpected(database.failed("list links", want.error()));
    if (!*want) {
      ++skipped;
      continue;
    }
    core::Result<T> item = decode(*link_id, scan.value());
    if (!item) return std::unexpected(database.failed("list links", item.error()));
    listing.items.push_back(std::move(*item));
  }
  if (auto done = scan.finish("list links"); !done) return std::unexpected(done.error());
  return listing;
}

}  // namespace

core::Result<core::Held> Store::lookup(const core::LookupRequest& request) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  core::Held held;
  if (const auto sequence = impl_->audit.find(request.request_key)) {
    auto earlier = audit_entries(*sequence + 1, 1);
    if (!earlier) return std::unexpected(earlier.error());
    if (!earlier->entries.empty()) held.earlier_act = std::move(earlier->entries.front());
  }
  if (!is_storable_id(request.link_id.str())) return held;
  auto& database = *impl_->database;
  const auto& link_id = request.link_id;
  core::Result<void> done;
  auto& rows = held.transactions;
  if (!request.transaction_ids.empty()) done = get_rows(database, link_id, request.transaction_ids, rows);
  if (done && request.pending) done = get_pending(database, link_id, rows);
  if (done && request.stale_below > 0) done = get_stale(database, request, rows);
  if (done && request.staged) done = get_staged(database, link_id, held.staged);
  if (!done) return std::unexpected(done.error());
  // The same row may have been asked for in more than one way.
  const auto by_id = &core::StoredTransaction::transaction_id;
  if (!std::ranges::is_sorted(rows, {}, by_id)) std::ranges::sort(rows, {}, by_id);
  const auto repeated = std::ranges::unique(rows, {}, by_id);
  rows.erase(repeated.begin(), repeated.end());

  if (request.accounts) {
    const auto kind = std::to_underlying(AccountKind::account);
    const auto prefix = kind_prefix(link_id.str(), kind);
    Scan scan(database, Family::accounts, prefix, kind_prefix_end(link_id.str(), kind));
    for (; scan.valid(); scan.next()) {
      auto account = decode_account(scan.key().substr(prefix.size()), scan.value());
      if (!account) return std::unexpected(database.failed("read accounts", account.error()));
      held.accounts.push_back(std::move(*account));
    }
    if (auto finished = scan.finish("read accounts"); !finished) return std::unexpected(finished.error());
  }
  if (request.relink) {
    auto entry = relink_entry(link_id);
    if (!entry) return std::unexpected(entry.error());
    held.relink = std::move(*entry);
  }
  if (request.dead_letter_at) {
    auto letter = dead_letter(*request.dead_letter_at, link_id);
    if (!letter) return std::unexpected(letter.error());
    held.dead_letter = std::move(*letter);
  }
  return held;
}

core::Result<Listing<core::LinkRecord>> Store::links(std::string_view after, std::size_t limit,
                                                     std::optional<core::LinkStatus> status) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  auto& database = *impl_->database;
  const auto wanted = [status](std::string_view value) -> core::Result<bool> {
    if (!status) return true;
    const auto stored = decode_link_status(value);
    if (!stored) return std::unexpected(stored.error());
    return *stored == *status;
  };
  return list_links<core::LinkRecord>(database, Family::links, after, limit, wanted, decode_link);
}

core::Result<Listing<core::StoredAccount>> Store::accounts(const core::LinkId& link_id,
                                                           std::string_view after, std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  return list_rows<core::StoredAccount>(*impl_->database, Family::accounts, link_id.str(),
                                        std::to_underlying(AccountKind::account), after, limit,
                                        decode_account);
}

core::Result<Listing<core::StoredTransaction>> Store::transactions(const core::LinkId& link_id,
                                                                   std::string_view after,
                                                                   std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  return list_rows<core::StoredTransaction>(*impl_->database, Family::transactions, link_id.str(),
                                            std::to_underlying(RowKind::visible), after, limit, decode_row);
}

core::Result<std::optional<core::RelinkEntry>> Store::relink_entry(const core::LinkId& link_id) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (!is_storable_id(link_id.str())) return std::nullopt;
  const auto value = impl_->database->get(Family::relink, link_key(link_id.str()));
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  auto entry = decode_relink(link_id.str(), **value);
  if (!entry) return std::unexpected(impl_->database->failed("read a relink entry", entry.error()));
  return std::move(*entry);
}

core::Result<std::optional<core::DeadLetter>> Store::dead_letter(core::WallTime at,
                                                                 const core::LinkId& link_id) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (!is_storable_id(link_id.str())) return std::nullopt;
  const auto value = impl_->database->get(Family::dead_letters, dead_letter_key(at, link_id.str()));
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  auto letter = decode_dead_letter(at, link_id.str(), **value);
  if (!letter) return std::unexpected(impl_->database->failed("read a dead letter", letter.error()));
  return std::move(*letter);
}

// The place in this listing is written as `milliseconds:link`, because keys are not text.
core::Result<Listing<core::DeadLetter>> Store::dead_letters(std::string_view after, std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  std::string lower;
  if (!after.empty()) {
    std::int64_t at_ms = 0;
    const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), at_ms);
    const auto link_id = after.substr(static_cast<std::size_t>(end - after.data()));
    if (error != std::errc{} || link_id.size() < 2 || link_id[0] != ':' ||
        !is_storable_id(link_id.substr(1))) {
      return core::fail(core::Errc::invalid,
                        "this is not a place in the list of dead letters; start without one");
    }
    lower = dead_letter_key(core::WallTime{core::Millis{at_ms}}, link_id.substr(1));
    lower.push_back('\0');
  }
  limit = clamp_limit(limit);
  Listing<core::DeadLetter> listing;
  Scan scan(*impl_->database, Family::dead_letters, lower, {});
  for (; scan.valid(); scan.next()) {
    if (listing.items.size() == limit) {
      const auto& last = listing.items.back();
      listing.next = fmt::format("{}:{}", last.at.time_since_epoch().count(), last.link_id.str());
      return listing;
    }
    const auto key = parse_dead_letter_key(scan.key());
    auto letter = key ? decode_dead_letter(key->at, key->link_id, scan.value())
                      : core::Result<core::DeadLetter>(std::unexpected(damaged("dead letter key")));
    if (!letter) return std::unexpected(impl_->database->failed("list dead letters", letter.error()));
    listing.items.push_back(std::move(*letter));
  }
  if (auto done = scan.finish("list dead letters"); !done) return std::unexpected(done.error());
  return listing;
}

}  // namespace syncd::store
