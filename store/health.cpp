#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "store/health_impl.hpp"
#include "store/store.hpp"

namespace syncd::store {
namespace {

constexpr std::size_t message_bytes_max = 512;
constexpr std::size_t hex_run_max = 15;  // shorter ones are file numbers and sizes

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Forwards warnings and errors; everything else, including the dump of options and the sizes of each file, is
// dropped here, so RocksDB writes no log file of its own.
class ForwardingLogger final : public rocksdb::Logger {
 public:
  explicit ForwardingLogger(LogSink sink)
      : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL), sink_(std::move(sink)) {}

  void LogHeader(const char*, va_list) override {}
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::INFO_LEVEL, format, arguments);
  }
  __attribute__((format(printf, 3, 0))) void Logv(const rocksdb::InfoLogLevel level, const char* format,
                                                  va_list arguments) override {
    if (!sink_ || level < rocksdb::InfoLogLevel::WARN_LEVEL || level > rocksdb::InfoLogLevel::FATAL_LEVEL)
      return;
    try {
      char text[message_bytes_max];
      const int length = std::vsnprintf(text, sizeof text, format, arguments);
      if (length <= 0) return;
      const auto bytes = std::min(static_cast<std::size_t>(length), sizeof text - 1);
      sink_(level == rocksdb::InfoLogLevel::WARN_LEVEL ? log_warning : log_error,
            without_content(std::string_view(text, bytes)));
    } catch (...) {
      return;  // a lost log line is better than an exception in RocksDB's threads
    }
  }

 private:
  LogSink sink_;
};

class HealthListener final : public rocksdb::EventListener {
 public:
  explicit HealthListener(std::shared_ptr<Health> health) : health_(std::move(health)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    health_->count_error(StoreOperation::background);
    try {
      health_->fail(without_content(status->ToString()));
    } catch (...) {
      health_->fail("background error");
    }
  }
  // What RocksDB would repair by itself and go on from, we stop at: a disk that refused one write is not to
  // be trusted with a second attempt at the same bytes.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    if (info.condition.cur == rocksdb::WriteStallCondition::kStopped) health_->count_stop();
  }

 private:
  std::shared_ptr<Health> health_;
};

}  // namespace

void Health::fail(const std::string& reason) noexcept {
  try {
    std::function<void(std::string)> notify;
    {
      const std::lock_guard guard(mutex_);
      if (!ok_.load(std::memory_order_relaxed)) return;
      reason_ = reason;
      notify = std::exchange(notify_, nullptr);
      ok_.store(false, std::memory_order_release);
    }
    if (notify) notify(reason);
  } catch (...) {
    ok_.store(false, std::memory_order_release);
  }
}

std::string Health::reason() const {
  const std::lock_guard guard(mutex_);
  return reason_;
}

void Health::on_failure(std::function<void(std::string)> notify) {
  std::string reason;
  {
    const std::lock_guard guard(mutex_);
    if (ok_.load(std::memory_order_relaxed)) {
      notify_ = std::move(notify);
      return;
    }
    reason = reason_;
  }
  if (notify) notify(reason);
}

std::string without_content(std::string_view message) {
  std::string out;
  for (std::size_t i = 0; i < message.size();) {
    const char c = message[i];
    if (c == '\'' || c == '"') {
      const auto end = message.find(c, i + 1);
      out += "(...)";
      i = end == std::string_view::npos ? message.size() : end + 1;
      continue;
    }
    const auto run_end =
        std::find_if_not(message.begin() + static_cast<std::ptrdiff_t>(i), message.end(), is_hex_digit);
    const auto run = static_cast<std::size_t>(run_end - message.begin()) - i;
    if (run > hex_run_max) {
      out += "(...)";
      i += run;
      continue;
    }
    const auto bytes = std::max<std::size_t>(run, 1);
    for (std::size_t k = i; k < i + bytes; ++k) {
      const auto byte = static_cast<unsigned char>(message[k]);
      out.push_back(byte >= 0x20 && byte < 0x7f ? message[k] : ' ');
    }
    i += bytes;
  }
  return out;
}

std::shared_ptr<rocksdb::Logger> make_logger(LogSink sink) {
  return std::make_shared<ForwardingLogger>(std::move(sink));
}

std::shared_ptr<rocksdb::EventListener> make_listener(std::shared_ptr<Health> health) {
  return std::make_shared<HealthListener>(std::move(health));
}

}  // namespace syncd::store
