#include "store/backup_manifest.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "sync/core/hex.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view head = "moneykit-syncd backup ";
constexpr std::uint64_t format = 1;
constexpr std::size_t instance_digits = 32;

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  const bool plain = text.size() == 1 || !text.starts_with('0');
  return whole && plain ? std::optional(value) : std::nullopt;
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::optional<core::Hash> hash_of(std::string_view text) {
  core::Hash hash{};
  if (text.size() != 2 * hash.size() || !is_hex(text)) return std::nullopt;
  for (std::size_t at = 0; at < hash.size(); ++at)
    std::from_chars(text.data() + 2 * at, text.data() + 2 * at + 2, hash[at], 16);
  return hash;
}

// What RocksDB calls its files. A name that leads out of the directory is none.
bool is_file_name(std::string_view name) {
  constexpr std::string_view folder = "db/";
  if (!name.starts_with(folder)) return false;
  name.remove_prefix(folder.size());
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
  };
  return !name.empty() && !name.starts_with('.') && std::ranges::all_of(name, plain);
}

core::Error broken(std::string_view what) {
  return {.code = core::Errc::storage,
          .message = fmt::format("the manifest of the backup is damaged: {}; use another backup", what)};
}

// Takes lines off the front; the first one that is wrong spoils the rest.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool finished() const { return rest_.empty(); }
  bool good() const { return wrong_.empty(); }
  std::string_view wrong() const { return wrong_; }

  std::string_view text(std::string_view name) {
    const auto end = rest_.find('\n');
    const std::string start = std::string(name) + " ";
    if (!good() || end == std::string_view::npos || !rest_.starts_with(start)) return spoil(name);
    const auto value = rest_.substr(start.size(), end - start.size());
    rest_.remove_prefix(end + 1);
    return value;
  }
  std::uint64_t number(std::string_view name) {
    const auto value = number_of(text(name));
    if (!value) spoil(name);
    return value.value_or(0);
  }
  core::Hash hash(std::string_view name) {
    const auto value = hash_of(text(name));
    if (!value) spoil(name);
    return value.value_or(core::Hash{});
  }
  std::string_view spoil(std::string_view name) {
    if (good()) wrong_ = name;
    return {};
  }

 private:
  std::string_view rest_;
  std::string_view wrong_;
};

BackupFacts read_facts(Lines& lines) {
  BackupFacts facts;
  const auto created = lines.text("created_at");
  const auto at = core::parse_upstream_time(created);
  if (at) facts.created_at = std::chrono::floor<core::Millis>(*at);
  if (!at || core::format_wall_time(facts.created_at) != created) lines.spoil("created_at");
  facts.program_version = lines.text("program");
  facts.schema_version = lines.number("schema");
  facts.instance = lines.text("instance");
  if (facts.instance.size() != instance_digits || !is_hex(facts.instance)) lines.spoil("instance");
  facts.environment = lines.text("environment");
  facts.upstream = lines.text("upstream");
  facts.feed_epoch = lines.number("feed_epoch");
  facts.feed_head = lines.number("feed_head");
  facts.audit.sequence = lines.number("audit_sequence");
  facts.audit.hash = lines.hash("audit_hash");
  facts.links = lines.number("links");
  return facts;
}

// `SHA-256 BYTES NAME`
std::optional<BackupFile> read_file(std::string_view line) {
  const auto first = line.find(' ');
  const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto hash = hash_of(line.substr(0, first));
  const auto bytes = number_of(line.substr(first + 1, second - first - 1));
  const auto name = line.substr(second + 1);
  if (!hash || !bytes || !is_file_name(name)) return std::nullopt;
  return BackupFile{.name = std::string(name), .bytes = *bytes, .sha256 = *hash};
}

// The lines above the last one, which holds their SHA-256.
core::Result<std::string_view> checked_body(std::string_view text) {
  constexpr std::size_t seal_bytes = 7 + 64 + 1;  // "sha256 ", digits, line's end
  if (text.size() < seal_bytes) return std::unexpected(broken("it is cut short"));
  const auto body = text.substr(0, text.size() - seal_bytes);
  if (fmt::format("sha256 {}\n", core::hex_of(core::sha256_of(body))) != text.substr(body.size()))
    return std::unexpected(broken("it does not fit its own checksum: it was changed or cut short"));
  return body;
}

}  // namespace

std::uint64_t BackupManifest::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& file : files)
    sum += file.bytes;
  return sum;
}

std::string encode_backup_manifest(const BackupManifest& manifest) {
  const auto& facts = manifest.facts;
  std::string text = fmt::format(
      "{}{}\ncreated_at {}\nprogram {}\nschema {}\ninstance {}\nenvironment {}\nupstream {}\n"
      "feed_epoch {}\nfeed_head {}\naudit_sequence {}\naudit_hash {}\nlinks {}\n",
      head, format, core::format_wall_time(facts.created_at), facts.program_version, facts.schema_version,
      facts.instance, facts.environment, facts.upstream, facts.feed_epoch, facts.feed_head,
      facts.audit.sequence, core::hex_of(facts.audit.hash), facts.links);
  for (const auto& file : manifest.files)
    text += fmt::format("file {} {} {}\n", core::hex_of(file.sha256), file.bytes, file.name);
  text += fmt::format("sha256 {}\n", core::hex_of(core::sha256_of(text)));
  return text;
}

core::Result<BackupManifest> decode_backup_manifest(std::string_view text) {
  const auto first = text.substr(0, text.find('\n'));
  if (!first.starts_with(head)) return std::unexpected(broken("it is none"));
  if (const auto found = number_of(first.substr(head.size())); found && *found > format) {
    return core::fail(
        core::Errc::invalid,
        fmt::format("the manifest of the backup has format {}: it was written by a newer version; "
                    "use that version",
                    *found));
  }
  const auto body = checked_body(text);
  if (!body) return std::unexpected(body.error());
  Lines lines(*body);
  if (lines.number("moneykit-syncd backup") != format) lines.spoil("the first line");
  BackupManifest manifest;
  manifest.facts = read_facts(lines);
  while (lines.good() && !lines.finished()) {
    auto file = read_file(lines.text("file"));
    const bool sorted = file && (manifest.files.empty() || manifest.files.back().name < file->name);
    if (!sorted) {
      lines.spoil("file");
      break;
    }
    manifest.files.push_back(std::move(*file));
  }
  if (!lines.good()) return std::unexpected(broken(fmt::format("its line \"{}\" is wrong", lines.wrong())));
  return manifest;
}

std::string backup_name_of(core::WallTime at) {
  auto name = core::format_wall_time(at);
  std::erase_if(name, [](char c) { return c == '-' || c == ':'; });
  return name;
}

bool is_backup_name(std::string_view text) {
  constexpr std::string_view shape = "00000000T000000.000Z";
  if (text.size() != shape.size()) return false;
  for (std::size_t at = 0; at < shape.size(); ++at) {
    const bool fits = shape[at] == '0' ? text[at] >= '0' && text[at] <= '9' : text[at] == shape[at];
    if (!fits) return false;
  }
  return true;
}

}  // namespace syncd::store
