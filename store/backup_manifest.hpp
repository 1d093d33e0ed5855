#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/audit.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::store {

inline constexpr std::string_view backup_manifest_name = "MANIFEST";
inline constexpr std::size_t backup_manifest_bytes_max = 64 << 20;

// What a backup is of, all of one moment.
struct BackupFacts {
  core::WallTime created_at{};
  std::string program_version;
  std::uint64_t schema_version = 0;
  std::string instance;  // 32 hexadecimal digits
  std::string environment;
  std::string upstream;
  std::uint64_t feed_epoch = 0;
  std::uint64_t feed_head = 0;
  core::AuditHead audit;
  std::uint64_t links = 0;
  bool operator==(const BackupFacts&) const = default;
};

struct BackupFile {
  std::string name;  // below the backup's directory: `db/000012.sst`
  std::uint64_t bytes = 0;
  core::Hash sha256{};
  bool operator==(const BackupFile&) const = default;
};

struct BackupManifest {
  BackupFacts facts;
  std::vector<BackupFile> files;  // by name
  std::uint64_t bytes() const;    // of all files
  bool operator==(const BackupManifest&) const = default;
};

// Lines of a name and a value, in the order of the members; then one for each file: `file`, SHA-256, bytes
// and name; last `sha256` of everything above it. The bytes are a contract, as those of the store are.
std::string encode_backup_manifest(const BackupManifest& manifest);
// Errc::invalid for a newer format; Errc::storage for everything that encode_backup_manifest() did not write,
// and for names of files that are not `db/` and one plain name.
core::Result<BackupManifest> decode_backup_manifest(std::string_view text);

// `20261129T215554.123Z`: its time in UTC.
std::string backup_name_of(core::WallTime at);
bool is_backup_name(std::string_view text);

}  // namespace syncd::store
