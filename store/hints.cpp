#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/store_impl.hpp"

// Webhooks: hints that wait for a visit, and by which keys their repetitions are known (keys.hpp).
namespace syncd::store {

namespace {

// Keys that one write forgets beside as many as it brings: a table above its bound shrinks, slowly.
constexpr std::size_t forgotten_per_write = 64;

struct DigestHash {
  std::size_t operator()(const core::Digest& digest) const {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(digest.data()), digest.size()});
  }
};

}  // namespace

core::Result<bool> Store::Impl::has_link(std::string_view link_id, bool one_time) {
  if (!is_storable_id(link_id)) return false;
  if (const auto known = cache.fence(link_id)) return *known != 0;
  rocksdb::PinnableSlice value;
  return database->get(Family::links, link_key(link_id), value, one_time);
}

core::Result<void> Store::Impl::load_hook_keys() {
  if (hook_keys.loaded) return {};
  const auto value = database->get(Family::meta, meta_key::hook_count);
  if (!value) return std::unexpected(value.error());
  if (*value) {
    Reader in(**value);
    if (auto format = read_format(in, "number of webhooks"); !format)
      return std::unexpected(database->failed("take a hint", format.error()));
    hook_keys.count = in.varint();
    if (!in.finished())
      return std::unexpected(database->failed("take a hint", damaged("number of webhooks")));
  }
  hook_keys.front = meta_key::hook_time;
  hook_keys.loaded = true;
  return {};
}

void Store::Impl::put_hook(const core::Hint& hint, core::WallTime now) {
  std::string value;
  Writer out(value);
  out.u8(value_format);
  put_time(out, now);
  batch.Put(database->family(Family::meta), to_slice(hook_key(hint.key)), to_slice(value));
  batch.Put(database->family(Family::meta), to_slice(hook_time_key(now, hint.key)), {});
}

// What is too old, or too much, from the oldest on. Looks only when there is something to find.
core::Result<void> Store::Impl::forget_hooks(core::WallTime now, const HintLimits& limits) {
  const std::size_t erased_max = static_cast<std::size_t>(batch.Count()) + forgotten_per_write;
  const bool expired = !hook_keys.oldest_at || now - *hook_keys.oldest_at >= limits.keys_kept;
  if (hook_keys.count == 0 || (!expired && hook_keys.count <= limits.keys_max)) return {};
  Scan scan(*database, Family::meta, hook_keys.front, behind_prefix(meta_key::hook_time));
  for (std::size_t erased = 0; scan.valid() && erased < erased_max; scan.next(), ++erased) {
    const auto place = parse_hook_time_key(scan.key());
    if (!place) return std::unexpected(database->failed("forget a webhook", damaged("time of a webhook")));
    hook_keys.oldest_at = place->at;
    hook_keys.front = scan.key();
    const bool old = now - place->at >= limits.keys_kept;
    if (!old && hook_keys.count <= limits.keys_max) return {};
    batch.Delete(database->family(Family::meta), to_slice(scan.key()));
    batch.Delete(database->family(Family::meta), to_slice(hook_key(place->key)));
    --hook_keys.count;
  }
  return scan.finish("forget webhooks");
}

core::Result<std::vector<core::HintOutcome>> Store::put_hints(std::span<const core::Hint> hints,
                                                              core::WallTime now, const HintLimits& limits) {
  using enum core::HintOutcome;
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (auto loaded = impl_->load_hook_keys(); !loaded) return std::unexpected(loaded.error());
  auto& database = *impl_->database;
  auto& batch = impl_->batch;
  batch.Clear();
  std::unordered_set<core::Digest, DigestHash> in_batch;
  std::vector<core::HintOutcome> outcomes;
  outcomes.reserve(hints.size());
  std::uint64_t accepted_count = 0;
  std::string head;
  encode_blob_head(head);
  for (const core::Hint& hint : hints) {
    const auto there = impl_->has_link(hint.link_id.str());
    if (!there) return std::unexpected(there.error());
    if (!*there) {
      outcomes.push_back(unknown_link);
      continue;
    }
    rocksdb::PinnableSlice value;
    const auto known = database.get(Family::meta, hook_key(hint.key), value);
    if (!known) return std::unexpected(known.error());
    if (*known || !in_batch.insert(hint.key).second) {
      outcomes.push_back(duplicate);
      continue;
    }
    auto* const meta = database.family(Family::meta);
    impl_->put_hook(hint, now);
    if (hint.replaces != 0 && hint.replaces != hint.sequence)
      batch.Delete(meta, to_slice(note_key(core::hint_note(hint.link_id, hint.replaces))));
    batch.Put(meta, to_slice(note_key(core::hint_note(hint.link_id, hint.sequence))), to_slice(head));
    outcomes.push_back(accepted);
    ++accepted_count;
  }
  if (accepted_count == 0) return outcomes;
  impl_->hook_keys.count += accepted_count;
  if (auto forgotten = impl_->forget_hooks(now, limits); !forgotten)
    return std::unexpected(forgotten.error());
  std::string count;
  Writer out(count);
  out.u8(value_format);
  out.varint(impl_->hook_keys.count);
  batch.Put(database.family(Family::meta), to_slice(meta_key::hook_count), to_slice(count));
  if (auto written = database.write(batch, impl_->options.sync_writes); !written)
    return std::unexpected(written.error());
  ++impl_->commits;
  return outcomes;
}

core::Result<std::vector<core::Hint>> Store::hints() {
  constexpr std::string_view doing = "list hints";
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  const std::string begin = note_key(core::hint_note_prefix);
  const std::size_t name_at = meta_key::note_prefix.size();
  auto& batch = impl_->batch;
  batch.Clear();
  std::map<core::LinkId, std::uint64_t> latest;
  {
    Scan scan(*impl_->database, Family::meta, begin, behind_prefix(begin), true);
    for (; scan.valid(); scan.next()) {
      const auto named = core::parse_hint_note(scan.key().substr(name_at));
      if (!named) return std::unexpected(impl_->database->failed(doing, damaged("hint")));
      const auto there = impl_->has_link(named->link_id, true);
      if (!there) return std::unexpected(there.error());
      core::LinkId link_id{std::string(named->link_id)};
      // Those of one link come in the order of their sequences.
      const auto earlier = latest.find(link_id);
      if (earlier != latest.end()) {
        batch.Delete(impl_->database->family(Family::meta),
                     to_slice(note_key(core::hint_note(link_id, earlier->second))));
      }
      if (*there) {
        latest[std::move(link_id)] = named->sequence;
      } else {
        batch.Delete(impl_->database->family(Family::meta), to_slice(scan.key()));
      }
    }
    if (auto done = scan.finish(doing); !done) return std::unexpected(done.error());
  }
  if (batch.Count() > 0) {
    if (auto written = impl_->database->write(batch, true); !written) return std::unexpected(written.error());
  }
  std::vector<core::Hint> found;
  found.reserve(latest.size());
  for (const auto& [link_id, sequence] : latest)
    found.push_back({.link_id = link_id, .sequence = sequence});
  return found;
}

}  // namespace syncd::store
