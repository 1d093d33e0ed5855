#include "tests/crash/store/disk_image.hpp"

#include <algorithm>
#include <utility>

namespace syncd::test {
namespace {

constexpr std::size_t sector_bytes = 512;

std::size_t pick(Random& random, std::size_t below_or_equal) {
  return std::uniform_int_distribution<std::size_t>(0, below_or_equal)(random);
}

// How many of a directory's pending operations survive.
std::size_t kept_operations(std::size_t count, Random& random) {
  switch (pick(random, 2)) {
    case 0:
      return 0;
    case 1:
      return count;
    default:
      return pick(random, count);
  }
}

}  // namespace

std::string_view to_string(Policy policy) {
  switch (policy) {
    case Policy::lose_all:
      return "lose_all";
    case Policy::keep_all:
      return "keep_all";
    case Policy::prefix:
      return "prefix";
    case Policy::torn:
      break;
  }
  return "torn";
}

std::string plain_path(std::string_view path) {
  std::string plain;
  for (const char c : path) {
    if (c != '/' || !plain.ends_with('/')) plain.push_back(c);
  }
  if (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

std::string parent_path(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

void DiskImage::apply(const Operation& operation) {
  const auto path = plain_path(operation.path);
  switch (operation.op) {
    case Op::append:
      files_.at(operation.file).bytes.append(operation.data);
      return;
    case Op::sync:
      sync(files_.at(operation.file), operation.value != 0);
      return;
    case Op::truncate: {
      auto& file = files_.at(operation.file);
      if (!file.durable) file.durable = file.bytes.substr(0, file.synced);
      file.bytes.resize(operation.value);
      file.synced = 0;
      return;
    }
    case Op::create:
      files_.try_emplace(operation.file);
      next_file_ = std::max(next_file_, operation.file + 1);
      change_directory({.op = Op::create, .path = path, .target = {}, .file = operation.file});
      return;
    case Op::rename:
      change_directory({.op = Op::rename, .path = path, .target = plain_path(operation.data)});
      return;
    case Op::unlink:
    case Op::make_directory:
      change_directory({.op = operation.op, .path = path, .target = {}});
      return;
    case Op::sync_directory:
      for (const auto& pending : pending_[path])
        change_names(durable_, pending);
      pending_[path].clear();
      return;
    case Op::mark:
      return;
  }
}

void DiskImage::sync(File& file, bool good) {
  // A failed sync leaves the pages marked clean: a later one succeeds and has not written them.
  if (!good) {
    file.given_up.emplace_back(file.synced, file.bytes.size());
    return;
  }
  file.synced = file.bytes.size();
  file.durable.reset();
}

void DiskImage::change_names(Names& names, const DirectoryOperation& operation) {
  switch (operation.op) {
    case Op::create:
    case Op::make_directory:
      names[operation.path] = operation.file;
      return;
    case Op::unlink:
      names.erase(operation.path);
      return;
    case Op::rename:
      if (const auto from = names.find(operation.path); from != names.end()) {
        names[operation.target] = from->second;
        names.erase(operation.path);
        move_below(names, operation.path, operation.target);
      }
      return;
    default:
      return;
  }
}

// What is in a directory goes with it.
void DiskImage::move_below(Names& names, const std::string& from, const std::string& to) {
  const auto below = from + "/";
  for (auto name = names.lower_bound(below); name != names.end() && name->first.starts_with(below);) {
    names[to + name->first.substr(from.size())] = name->second;
    name = names.erase(name);
  }
}

// What is not synced in a directory yet is looked for, and synced, under its new name.
void DiskImage::move_pending(const std::string& from, const std::string& to) {
  const auto moved = [&](const std::string& path) {
    const bool inside = path == from || path.starts_with(from + "/");
    return inside ? to + path.substr(from.size()) : path;
  };
  std::map<std::string, std::vector<DirectoryOperation>> pending;
  for (auto& [place, operations] : pending_) {
    if (moved(place) != place) {
      for (auto& operation : operations) {
        operation.path = moved(operation.path);
        operation.target = moved(operation.target);
      }
    }
    pending[moved(place)] = std::move(operations);
  }
  pending_ = std::move(pending);
}

void DiskImage::change_directory(DirectoryOperation operation) {
  if (operation.op == Op::rename && find(operation.path) == directory)
    move_pending(operation.path, operation.target);
  change_names(now_, operation);
  pending_[parent_path(operation.path)].push_back(std::move(operation));
}

std::optional<std::uint32_t> DiskImage::find(const std::string& path) const {
  const auto found = now_.find(plain_path(path));
  if (found == now_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> DiskImage::children(const std::string& path) const {
  std::vector<std::string> names;
  const auto plain = plain_path(path);
  for (const auto& [name, file] : now_) {
    if (name != "/" && parent_path(name) == plain) names.push_back(name.substr(name.rfind('/') + 1));
  }
  return names;
}

void DiskImage::flip_bit(const std::string& path, std::size_t bit) {
  auto& byte = files_.at(now_.at(path)).bytes.at(bit / 8);
  byte = static_cast<char>(byte ^ (1 << (bit % 8)));
}

void DiskImage::append_rot(const std::string& path, std::string_view bytes) {
  auto& file = files_.at(now_.at(path));
  file.bytes.append(bytes);
  file.synced = file.bytes.size();
}

void DiskImage::remove(const std::string& path) {
  now_.erase(path);
  durable_.erase(path);
}

void DiskImage::put(const std::string& path, std::string content) {
  if (!now_.contains(path)) {
    now_[path] = next_file_;
    durable_[path] = next_file_;
    ++next_file_;
  }
  auto& file = files_[now_.at(path)];
  file.bytes = std::move(content);
  file.synced = file.bytes.size();
}

DiskImage DiskImage::after_power_cut(Policy policy, Random& random) const {
  Names names = durable_;
  for (const auto& [path, operations] : pending_) {
    const auto kept = kept_operations(operations.size(), random);
    for (std::size_t i = 0; i < kept; ++i)
      change_names(names, operations[i]);
  }
  DiskImage after;
  after.next_file_ = next_file_;
  for (const auto& [path, file] : names) {
    if (path == "/" || !after.now_.contains(parent_path(path))) continue;  // its directory is gone
    after.now_[path] = file;
    if (file == directory) continue;
    File kept;
    kept.bytes = surviving(files_.at(file), policy, random);
    kept.synced = kept.bytes.size();
    after.files_[file] = std::move(kept);
  }
  after.durable_ = after.now_;
  return after;
}

std::string DiskImage::surviving(const File& file, Policy policy, Random& random) {
  // A truncation that was not synced happened or not; what was written behind it needs it.
  if (file.durable && (policy == Policy::lose_all || pick(random, 1) == 0)) return *file.durable;
  std::string bytes;
  switch (policy) {
    case Policy::lose_all:
      bytes = file.bytes.substr(0, file.synced);
      break;
    case Policy::keep_all:
      bytes = file.bytes;
      break;
    case Policy::prefix:
      bytes = file.bytes.substr(0, file.synced + pick(random, file.bytes.size() - file.synced));
      break;
    case Policy::torn:
      bytes = torn(file, random);
      break;
  }
  for (const auto& [begin, end] : file.given_up) {
    for (auto i = begin; i < std::min(end, bytes.size()); ++i)
      bytes[i] = '\0';
  }
  return bytes;
}

// Each sector of the tail was written or not, whatever their order; one that was not holds nothing or what
// was there before somebody used it. The size is metadata and has a fate of its own.
std::string DiskImage::torn(const File& file, Random& random) {
  auto bytes = file.bytes.substr(0, file.synced + pick(random, file.bytes.size() - file.synced));
  for (std::size_t at = file.synced; at < bytes.size();) {
    const auto end = std::min(bytes.size(), (at / sector_bytes + 1) * sector_bytes);
    if (pick(random, 1) == 0) {
      const bool garbage = pick(random, 1) == 0;
      for (auto i = at; i < end; ++i)
        bytes[i] = garbage ? static_cast<char>(random()) : '\0';
    }
    at = end;
  }
  return bytes;
}

}  // namespace syncd::test
