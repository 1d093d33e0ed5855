#include "store/backup_verify.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "store/audit.hpp"
#include "store/backup.hpp"
#include "store/codec.hpp"
#include "store/database_impl.hpp"
#include "store/feed.hpp"
#include "store/file_tree.hpp"
#include "store/keys.hpp"
#include "store/migration_impl.hpp"
#include "sync/core/hex.hpp"

namespace syncd::store {
namespace {

constexpr std::uint64_t check_cache_bytes = 8 << 20;

void compare_file(const std::string& backup, const BackupFile& listed, BackupCheck& check, const Disk& disk) {
  const auto sum = sum_of_file(backup + "/" + listed.name, disk);
  if (!sum) {
    check.add(sum.error().message);
  } else if (sum->bytes != listed.bytes) {
    check.add(fmt::format("{} has {} bytes, the manifest says {}", listed.name, sum->bytes, listed.bytes));
  } else if (sum->sha256 != listed.sha256) {
    check.add(fmt::format("{} was changed: its SHA-256 is not that of the manifest", listed.name));
  }
}

core::Result<void> compare_files(const std::string& backup, BackupCheck& check, const Disk& disk) {
  const auto found = list_files(backup, disk);
  if (!found) return std::unexpected(found.error());
  for (const auto& listed : check.manifest.files) {
    const bool there = std::ranges::binary_search(*found, listed.name, {}, &FoundFile::name);
    if (!there) check.add(fmt::format("{} is missing", listed.name));
    if (there) compare_file(backup, listed, check, disk);
  }
  for (const auto& file : *found) {
    const bool listed = std::ranges::binary_search(check.manifest.files, file.name, {}, &BackupFile::name);
    if (!listed && file.name != backup_manifest_name)
      check.add(fmt::format("{} is not in the manifest", file.name));
  }
  return {};
}

std::string hex_digits_of(const std::string& bytes) {
  return core::hex_of(std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
}

// The database of a backup, compared with the manifest.
class DatabaseCheck {
 public:
  DatabaseCheck(Database& database, BackupCheck& check) : database_(database), check_(check) {}

  // Each adds what it finds wrong; an error is that of reading.
  core::Result<void> identity() {
    const auto& facts = check_.manifest.facts;
    const auto version = read_schema_version(database_);
    if (!version) return std::unexpected(version.error());
    compare("schema version", version->value_or(0), facts.schema_version);
    for (const auto& [key, what, expected] : {Text{meta_key::environment, "environment", facts.environment},
                                              Text{meta_key::upstream, "upstream", facts.upstream}}) {
      const auto found = blob(key, what);
      if (!found) return std::unexpected(found.error());
      compare(what, *found, expected);
    }
    const auto instance = blob(meta_key::instance, "instance");
    if (!instance) return std::unexpected(instance.error());
    compare("instance", hex_digits_of(*instance), facts.instance);
    return {};
  }

  core::Result<std::uint64_t> acts() {
    const auto& expected = check_.manifest.facts.audit;
    const auto value = database_.get(Family::meta, meta_key::audit);
    if (!value) return std::unexpected(value.error());
    core::AuditHead head;
    if (*value) {
      const auto decoded = decode_audit_head(**value);
      if (!decoded) return std::unexpected(decoded.error());
      head = *decoded;
    }
    if (head != expected) check_.add("the audit log ends elsewhere than the manifest says");
    const auto walked = walk_audit(database_, {}, head, std::numeric_limits<std::size_t>::max());
    if (!walked) return std::unexpected(walked.error());
    if (walked->broken_at != 0)
      check_.add(fmt::format("the audit log is broken at act {}", walked->broken_at));
    return walked->end.sequence;
  }

  // The blocks of the present epoch follow each other without a gap and end where the position says.
  core::Result<std::uint64_t> feed() {
    const auto value = database_.get(Family::meta, meta_key::feed);
    if (!value) return std::unexpected(value.error());
    const auto state = *value ? decode_feed_state(**value) : std::unexpected(damaged("feed position"));
    if (!state) return std::unexpected(state.error());
    compare("feed epoch", state->epoch, check_.manifest.facts.feed_epoch);
    compare("feed head", state->head, check_.manifest.facts.feed_head);
    Scan scan(database_, Family::feed, feed_key(state->epoch, 0), feed_key(state->epoch + 1, 0), true);
    std::uint64_t next = 0;
    std::uint64_t blocks = 0;
    for (; scan.valid(); scan.next(), ++blocks) {
      const auto key = parse_feed_key(scan.key());
      const auto size = decode_feed_block_size(scan.value());
      const bool follows = key && size && (next == 0 || key->first_sequence == next);
      if (!follows) {
        check_.add(fmt::format("the feed has a gap or a damaged block at change {}", next));
        return blocks;
      }
      next = key->first_sequence + *size;
    }
    if (auto done = scan.finish("read the feed"); !done) return std::unexpected(done.error());
    if (next != 0 && next - 1 != state->head) compare("last change of the feed", next - 1, state->head);
    return blocks;
  }

  core::Result<std::uint64_t> links() {
    Scan scan(database_, Family::links, {}, std::string(links_end), true);
    std::uint64_t count = 0;
    for (; scan.valid(); scan.next(), ++count) {
      const auto link_id = parse_link_key(scan.key());
      if (!link_id || !decode_link(*link_id, scan.value()))
        check_.add(fmt::format("the record of link number {} cannot be read", count + 1));
    }
    if (auto done = scan.finish("read the links"); !done) return std::unexpected(done.error());
    compare("number of links", count, check_.manifest.facts.links);
    return count;
  }

 private:
  struct Text {
    std::string_view key, what;
    const std::string& expected;
  };

  core::Result<std::string> blob(std::string_view key, std::string_view what) {
    const auto value = database_.get(Family::meta, key);
    if (!value) return std::unexpected(value.error());
    if (!*value) return std::unexpected(damaged(what));
    const auto content = decode_blob(what, **value);
    if (!content) return std::unexpected(content.error());
    return std::string(*content);
  }

  template <class Value>
  void compare(std::string_view what, const Value& found, const Value& expected) {
    if (found == expected) return;
    check_.add(fmt::format("the database has the {} {}, the manifest says {}", what, found, expected));
  }

  Database& database_;
  BackupCheck& check_;
};

core::Result<void> compare_database(const std::string& backup, BackupCheck& check, const TellStep& tell,
                                    const Disk& disk) {
  StoreOptions options;
  options.block_cache_bytes = check_cache_bytes;
  auto opened = Database::open_read_only(backup + "/db", options, disk, std::make_shared<Health>());
  if (!opened) return std::unexpected(opened.error());
  DatabaseCheck database(**opened, check);
  if (auto known = database.identity(); !known) return known;
  const auto links = database.links();
  if (!links) return std::unexpected(links.error());
  tell("database", fmt::format("it opens; {} links", *links));
  const auto acts = database.acts();
  if (!acts) return std::unexpected(acts.error());
  tell("audit log", fmt::format("{} acts", *acts));
  const auto blocks = database.feed();
  if (!blocks) return std::unexpected(blocks.error());
  tell("feed", fmt::format("epoch {} up to change {}, {} blocks", check.manifest.facts.feed_epoch,
                           check.manifest.facts.feed_head, *blocks));
  return {};
}

}  // namespace

void BackupCheck::add(std::string problem) {
  if (problems.size() < problems_max) problems.push_back(std::move(problem));
}

core::Result<BackupCheck> verify_backup(const std::string& backup, const TellStep& tell, const Disk& disk) {
  auto manifest = read_backup_manifest(backup, disk);
  if (!manifest) return std::unexpected(manifest.error());
  if (manifest->facts.schema_version > schema_version) {
    return core::fail(core::Errc::invalid,
                      fmt::format("{} has schema version {}, this program knows versions up to {}: it was "
                                  "made by a newer version; use that version",
                                  backup, manifest->facts.schema_version, schema_version));
  }
  BackupCheck check;
  check.manifest = std::move(*manifest);
  tell("manifest",
       fmt::format("of {}, by version {}", core::format_wall_time(check.manifest.facts.created_at),
                   check.manifest.facts.program_version));
  if (auto compared = compare_files(backup, check, disk); !compared) return std::unexpected(compared.error());
  tell("files", fmt::format("{} files, {} bytes, {}", check.manifest.files.size(), check.manifest.bytes(),
                            check.whole() ? "each as the manifest has it" : "not as the manifest has them"));
  // Of files that are not right RocksDB says nothing of use, and may end the process.
  if (!check.whole()) return check;
  if (auto compared = compare_database(backup, check, tell, disk); !compared)
    check.add(compared.error().message);
  return check;
}

}  // namespace syncd::store
