#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "daemon/json_writer.hpp"
#include "daemon/log_events.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// What a level means: error: page someone; warn: will retry, but look; info: lifecycle and cycles; debug:
// steps.
enum class LogLevel : std::uint8_t { debug, info, warn, error };
// `text` is one of debug, info, warn, error.
LogLevel parse_log_level(std::string_view text);
std::string_view to_string(LogLevel level);

// The typed members of a line behind ts, level, event and msg.
class LogFields {
 public:
  template <class T>
  LogFields& add(MemberName name, const T& value) {
    writer_.member(std::string_view(name), value);
    return *this;
  }
  const std::string& text() const { return writer_.text(); }

 private:
  JsonWriter writer_;  // members alone, without their object
};

// Names a link in logs without giving away its id, which opens the link's data at the back end: the first 12
// hex digits of SHA-256(salt + id). The salt is secret and stays with the store, so that a name never
// changes.
class LinkNamer {
 public:
  void set_salt(std::string salt) { salt_ = std::move(salt); }
  void set_plain(bool plain) { plain_ = plain; }
  std::string link_ref(const core::LinkId& link_id) const;
  // What a log line shows: the reference, or the id itself where the configuration says so.
  std::string in_log(const core::LinkId& link_id) const { return plain_ ? link_id.str() : link_ref(link_id); }

 private:
  std::string salt_;
  bool plain_ = false;
};

struct LogOptions {
  LogLevel level = LogLevel::info;
  bool journal_prefix = false;  // `<6>` in front of each line
};

// One JSON object per line, of a kind in log_events.hpp. An identical warning or error (same event, message
// and fields) is written once a minute at most; the next one carries `repeated`, the number of lines left
// out.
//
// Thread: one at a time; the io thread owns it once the daemon runs.
class Log {
 public:
  using Sink = std::function<void(LogLevel, const std::string& line)>;  // without newline
  using Clock = std::function<core::WallTime()>;
  Log(LogOptions options, Sink sink, Clock clock);

  void write(LogLevel level, EventName event, std::string_view message, const LogFields& fields = {});
  void debug(EventName event, std::string_view message, const LogFields& fields = {}) {
    write(LogLevel::debug, event, message, fields);
  }
  void info(EventName event, std::string_view message, const LogFields& fields = {}) {
    write(LogLevel::info, event, message, fields);
  }
  void warn(EventName event, std::string_view message, const LogFields& fields = {}) {
    write(LogLevel::warn, event, message, fields);
  }
  void error(EventName event, std::string_view message, const LogFields& fields = {}) {
    write(LogLevel::error, event, message, fields);
  }
  void set_level(LogLevel level) { options_.level = level; }
  void set_options(const LogOptions& options) { options_ = options; }
  // Hears of each line whether it was written or left out as a repetition; not of those below the level.
  void set_tally(std::function<void(LogLevel, bool written)> tally) { tally_ = std::move(tally); }

  LinkNamer& links() { return links_; }
  const LinkNamer& links() const { return links_; }

 private:
  struct Repeat {
    core::WallTime written_at{};
    std::uint64_t suppressed = 0;
  };
  // How often this line was left out since it was last written; nullopt: leave it out now.
  std::optional<std::uint64_t> admit(const std::string& identity, core::WallTime now);

  LogOptions options_;
  Sink sink_;
  Clock clock_;
  std::function<void(LogLevel, bool written)> tally_;
  LinkNamer links_;
  std::unordered_map<std::string, Repeat> repeats_;
};

// Writes to standard error through spdlog; never throws, never gives up after a failed write.
Log::Sink stderr_sink();
// True when standard error is connected to the journal (JOURNAL_STREAM names its device and inode).
bool stderr_is_journal();

}  // namespace syncd::daemon
