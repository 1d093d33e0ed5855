#pragma once

#include <memory>

#include <rocksdb/file_system.h>

namespace syncd::store {

// The host's file system as RocksDB sees it, but with directories of mode 0700 and files of mode 0600, with
// free space as an unprivileged user sees it, and with locks that a closed descriptor gives up. The store's
// own small files are on it; RocksDB itself keeps to its default.
std::shared_ptr<rocksdb::FileSystem> host_file_system();

}  // namespace syncd::store
