#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sys/random.h>
#include <sys/stat.h>
#include <system_error>

#include <fmt/format.h>

#include "store/advice.hpp"
#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/log_check_impl.hpp"
#include "store/manifest_repair_impl.hpp"
#include "store/migration_impl.hpp"
#include "store/store_files.hpp"
#include "store/store_impl.hpp"

namespace syncd::store {
namespace {

constexpr std::size_t clean_close_bytes_max = 64;

core::Result<InstanceId> make_instance_id() {
  InstanceId id{};
  for (;;) {
    const auto got = ::getrandom(id.data(), id.size(), 0);
    if (got == static_cast<ssize_t>(id.size())) return id;
    if (got < 0 && errno != EINTR) {
      return core::fail(core::Errc::storage,
                        fmt::format("the system gives no random bytes: {}",
                                    std::error_code(errno, std::system_category()).message()));
    }
  }
}

std::string blob(std::string_view content) {
  std::string value;
  encode_blob_head(value);
  value += content;
  return value;
}

void note_lax_mode(const std::string& path, std::vector<std::string>& notices) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0 || (info.st_mode & 077) == 0) return;
  notices.push_back(
      fmt::format("store {} has mode {:04o}: other users may reach bank data; run chmod 0700 on it", path,
                  info.st_mode & 07777));
}

core::Result<void> leave_marker(const std::string& directory, const Disk& disk) {
  const auto table = current_table(directory + "/db", disk);
  if (!table) return std::unexpected(table.error());
  return write_durably(directory, std::string(clean_close_name), table->value_or(""), disk);
}

core::Result<void> require_same(const StoreOptions& options, std::string_view what, std::string_view stored,
                                std::string_view configured) {
  if (stored == configured) return {};
  return core::fail(
      core::Errc::invalid,
      fmt::format("store {} belongs to {} \"{}\", the configuration says \"{}\"; choose another [store] "
                  "path, or correct the configuration",
                  options.path, what, stored, configured));
}

}  // namespace

core::Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  const auto& disk = impl->disk;
  if (auto done = prepare_directory(options.path, disk); !done) return std::unexpected(done.error());
  if (auto done = require_free_space(options.path, options.min_free_bytes, disk); !done)
    return std::unexpected(done.error());
  auto lock = lock_store(options.path, disk);
  if (!lock) return std::unexpected(lock.error());
  impl->lock = std::move(*lock);
  if (disk.is_host()) note_lax_mode(options.path, impl->notices);
  for (const auto step : {&Impl::open_database, &Impl::check_identity, &Impl::begin_use, &Impl::settle_epoch,
                          &Impl::check_feed_end, &Impl::load_feed_front, &Impl::load_audit}) {
    if (auto done = ((*impl).*step)(); !done) {
      // What a refused store holds is left as it was found: not even flushed.
      impl->health->fail(done.error().message);
      return std::unexpected(done.error());
    }
  }
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

core::Result<void> Store::Impl::open_database() {
  const auto marker =
      read_small_file(options.path + "/" + std::string(clean_close_name), clean_close_bytes_max, disk);
  if (!marker) return std::unexpected(marker.error());
  const bool clean = marker->has_value();
  auto mended = mend_torn_table(options, disk, *marker);
  if (!mended) return std::unexpected(mended.error());
  if (*mended) notices.push_back(std::move(**mended));
  const auto mark = load_high_water(options.path, disk);
  if (!mark) return std::unexpected(mark.error());
  const auto known = mark->transform([](const HighWater& own) { return own.instance; });
  if (auto own = check_logs(options, disk, known); !own) return own;
  auto opened = Database::open(options.path + "/db", options, disk, clean, health);
  if (!opened) return std::unexpected(opened.error());
  database = std::move(*opened);
  return {};
}

// Only reads: a store that is refused here keeps the marker of its clean close, and whoever may open it finds
// everything as strictly checked as if nobody had come between.
core::Result<void> Store::Impl::check_identity() {
  const auto version = read_schema_version(*database);
  if (!version) return std::unexpected(version.error());
  if (!*version) return {};  // begin_use() gives it one
  if (auto known = refuse_newer(**version); !known) return known;
  struct Fixed {
    std::string_view key, what;
    const std::string& configured;
  };
  for (const auto& fixed : {Fixed{meta_key::environment, "environment", options.environment},
                            Fixed{meta_key::upstream, "upstream", options.upstream}}) {
    const auto value = database->get(Family::meta, fixed.key);
    if (!value) return std::unexpected(value.error());
    if (!*value) return std::unexpected(damaged(fixed.what));
    const auto stored = decode_blob(fixed.what, **value);
    if (!stored) return std::unexpected(stored.error());
    if (auto same = require_same(options, fixed.what, *stored, fixed.configured); !same) return same;
  }
  return check_instance();
}

core::Result<void> Store::Impl::check_instance() {
  const auto value = database->get(Family::meta, meta_key::instance);
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::unexpected(damaged("store identity"));
  const auto instance = decode_blob("instance id", **value);
  if (!instance || instance->size() != high_water.instance.size()) {
    return std::unexpected(damaged("instance id"));
  }
  std::ranges::copy(*instance, high_water.instance.begin());
  const auto beside = load_high_water(options.path, disk);
  if (!beside) return std::unexpected(beside.error());
  if (!*beside || (*beside)->instance == high_water.instance) return {};
  return core::fail(
      core::Errc::invalid,
      fmt::format("store {} mixes two stores: the database is instance {}, the file {} belongs to {}; "
                  "put back the files that belong together, or remove {} to begin a new feed epoch",
                  options.path, to_hex(high_water.instance), high_water_name, to_hex((*beside)->instance),
                  high_water_name));
}

// From here on the store is written.
core::Result<void> Store::Impl::begin_use() {
  // Also without a marker: the one before us may have been killed between removing it and making that
  // durable, and a power cut would bring it back beside a log that is not whole.
  if (auto gone = remove_durably(options.path, std::string(clean_close_name), disk); !gone) return gone;
  const auto version = read_schema_version(*database);
  if (!version) return std::unexpected(version.error());
  if (!*version) return create_identity();
  database->mark_log(log_mark(high_water.instance));
  return bring_up_to_date(**version);
}

// A newer version's store is refused, also one that it has only begun to convert: what is written in the new
// form already would be read as damage.
core::Result<void> Store::Impl::refuse_newer(std::uint64_t version) {
  const auto begun = migration_begun(*database);
  if (!begun) return std::unexpected(begun.error());
  if (version < schema_version || (version == schema_version && !*begun)) return {};
  return core::fail(
      core::Errc::invalid,
      fmt::format("store {} has schema version {}{}, this program knows versions up to {}: it was written "
                  "by a newer version; run that version, or {}",
                  options.path, version, *begun ? " and is being converted to the next" : "", schema_version,
                  restore_advice));
}

core::Result<void> Store::Impl::bring_up_to_date(std::uint64_t version) {
  if (version == schema_version) return {};
  if (auto done = migrate(*database, version, schema_version, migrations()); !done) return done;
  notices.push_back(
      fmt::format("store {} was converted from schema version {} to {}; an older version of the "
                  "daemon cannot open it any more",
                  options.path, version, schema_version));
  return {};
}

// The high-water file comes first: from the moment the database has an identity, a missing file means that it
// was lost, and never that a crash came between the two.
core::Result<void> Store::Impl::create_identity() {
  const auto instance = make_instance_id();
  if (!instance) return std::unexpected(instance.error());
  const auto leftover = load_high_water(options.path, disk);
  if (!leftover) return std::unexpected(leftover.error());
  // Where nothing is left of an earlier store, there may have been one all the same, and consumers may hold
  // its sequences. A file that is left says so; nobody has seen the epoch of one that says 0.
  const bool seen = *leftover && (*leftover)->published > 0;
  feed = FeedState{};
  feed.epoch = *leftover && !seen ? (*leftover)->epoch : epoch_above(seen ? (*leftover)->epoch : 0);
  if (seen) {
    notices.push_back(
        fmt::format("the database in {} is new but an earlier one published changes: feed epoch {} "
                    "begins, consumers must read everything anew",
                    options.path, feed.epoch));
  }
  high_water.instance = *instance;
  if (auto saved = save_high_water(options.path, {*instance, feed.epoch, 0}, disk); !saved) return saved;

  database->mark_log(log_mark(*instance));
  std::string state;
  encode_feed_state(state, feed);
  const auto put = [this](std::string_view key, std::string_view value) {
    batch.Put(database->family(Family::meta), to_slice(key), to_slice(value));
  };
  batch.Clear();
  put(meta_key::schema, encode_schema_version(schema_version));
  put(meta_key::instance, blob({reinterpret_cast<const char*>(instance->data()), instance->size()}));
  put(meta_key::environment, blob(options.environment));
  put(meta_key::upstream, blob(options.upstream));
  put(meta_key::feed, state);
  return database->write(batch, true);
}

// Sequences are promises to consumers. A database older than what was published (a damaged log cut short, a
// copy put back) would break them; so does one without its high-water file, because then nobody can tell: a
// backup restored without the file looks exactly like that. Both begin a new epoch. An ordinary crash loses
// nothing that was published, because only durable sequences are.
core::Result<void> Store::Impl::settle_epoch() {
  const auto state_value = database->get(Family::meta, meta_key::feed);
  if (!state_value) return std::unexpected(state_value.error());
  if (!*state_value) return std::unexpected(damaged("store identity"));
  const auto state = decode_feed_state(**state_value);
  if (!state) return std::unexpected(state.error());
  feed = *state;
  if (options.restored_above_epoch > 0)
    return begin_epoch("it is put back from a backup", std::max(feed.epoch, options.restored_above_epoch));
  const auto loaded = load_high_water(options.path, disk);
  if (!loaded) return std::unexpected(loaded.error());
  if (!*loaded)
    return begin_epoch(fmt::format("the file {} is missing or damaged", high_water_name), feed.epoch);
  const auto& mark = **loaded;
  if (mark.epoch > feed.epoch) {
    return begin_epoch(
        fmt::format("the database is of feed epoch {}, epoch {} was published", feed.epoch, mark.epoch),
        mark.epoch);
  }
  if (mark.epoch == feed.epoch && mark.published > feed.head) {
    return begin_epoch(
        fmt::format("the database ends at change {}, change {} was published", feed.head, mark.published),
        mark.epoch);
  }
  high_water = mark;
  if (mark.epoch == feed.epoch) return {};
  // The database began a new epoch and the crash came before the file said so, or the file is the older of
  // the two copies. Taking everything that is there as published is right in both cases.
  high_water.epoch = feed.epoch;
  high_water.published = feed.head;
  return save_high_water(options.path, high_water, disk);
}

core::WallTime Store::Impl::wall_now() const {
  return options.wall_now ? options.wall_now()
                          : std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
}

// What is on the disk may be a copy: epochs above it may be used up, and nothing here says so. Milliseconds
// of the wall clock are above all that were counted up from an earlier such number.
std::uint64_t Store::Impl::epoch_above(std::uint64_t used) const {
  const auto ms = std::max<std::int64_t>(wall_now().time_since_epoch().count(), 0);
  return std::max(used + 1, static_cast<std::uint64_t>(ms));
}

core::Result<void> Store::Impl::begin_epoch(const std::string& why, std::uint64_t used) {
  const auto epoch = epoch_above(used);
  notices.push_back(
      fmt::format("store {}: {}; feed epoch {} begins at change 1, consumers must read everything anew",
                  options.path, why, epoch));
  feed = {.epoch = epoch, .head = 0};
  std::string state;
  encode_feed_state(state, feed);
  // Database first: when a crash comes between, the file is of an older epoch in which nothing was lost that
  // the new one could give out again. Blocks of earlier epochs stay where they are; no reader looks at them.
  if (auto written = write_meta(meta_key::feed, state); !written) return written;
  high_water.epoch = epoch;
  high_water.published = 0;
  return save_high_water(options.path, high_water, disk);
}

core::Result<void> Store::Impl::check_feed_end() {
  Scan scan(*database, Family::feed, {}, {});
  scan.seek_back(feed_key(feed.epoch, ~std::uint64_t{0}));
  std::uint64_t last = 0;
  if (scan.valid()) {
    const auto key = parse_feed_key(scan.key());
    if (!key) return std::unexpected(damaged("feed key"));
    if (key->epoch == feed.epoch) {
      const auto size = decode_feed_block_size(scan.value());
      if (!size) return std::unexpected(size.error());
      last = key->first_sequence + *size - 1;
    }
  }
  if (auto done = scan.finish("check the feed"); !done) return done;
  if (last == feed.head) return {};
  return core::fail(core::Errc::storage,
                    fmt::format("store {} is inconsistent: its feed ends at change {}, its position "
                                "says {}; {}",
                                options.path, last, feed.head, restore_advice));
}

core::Result<void> Store::Impl::load_audit() {
  return audit.load(*database, wall_now());
}

core::Result<void> Store::Impl::write_meta(std::string_view key, std::string_view value) {
  batch.Clear();
  batch.Put(database->family(Family::meta), to_slice(key), to_slice(value));
  return database->write(batch, true);
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}

Store::~Store() {
  if (auto closed = close(); !closed) impl_->health->fail(closed.error().message);
}

core::Result<void> Store::close() {
  if (!impl_->database) return {};
  const bool healthy_before = impl_->health->ok();
  auto result = impl_->database->close();
  impl_->database.reset();
  if (result && healthy_before && impl_->health->ok()) {
    result = leave_marker(impl_->options.path, impl_->disk);
  }
  impl_->lock = StoreLock{};
  return result;
}

}  // namespace syncd::store
