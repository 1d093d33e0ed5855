#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <rocksdb/env.h>
#include <rocksdb/listener.h>

#include "store/statistics.hpp"

namespace syncd::store {

// Whether the store may still be written; shared with RocksDB's threads. One way: nothing turns it healthy
// again but opening the store anew. The mutex guards the reason and the callback only: it is taken when
// something fails, never on the way of a commit.
class Health {
 public:
  bool ok() const { return ok_.load(std::memory_order_acquire); }
  // The first reason wins. Calls the callback once, on this thread; nothing it throws gets further.
  void fail(const std::string& reason) noexcept;
  std::string reason() const;
  // Called at once when it has failed already.
  void on_failure(std::function<void(std::string)> notify);

  // How often RocksDB made writers wait until it had tidied up.
  void count_stop() { stops_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t stops() const { return stops_.load(std::memory_order_relaxed); }

  void count_error(StoreOperation operation) {
    errors_[static_cast<std::size_t>(operation) - 1].fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t errors(StoreOperation operation) const {
    return errors_[static_cast<std::size_t>(operation) - 1].load(std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> ok_{true};
  std::atomic<std::uint64_t> stops_{0};
  std::array<std::atomic<std::uint64_t>, store_operation_count> errors_{};
  mutable std::mutex mutex_;
  std::string reason_;
  std::function<void(std::string)> notify_;
};

using LogSink = std::function<void(int level, std::string message)>;

// RocksDB's words without anything that may be a key or a value: quoted parts and long hexadecimal runs go.
std::string without_content(std::string_view message);

std::shared_ptr<rocksdb::Logger> make_logger(LogSink sink);
std::shared_ptr<rocksdb::EventListener> make_listener(std::shared_ptr<Health> health);

}  // namespace syncd::store
