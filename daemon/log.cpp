#include "daemon/log.hpp"

#include <array>
#include <cstdlib>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace syncd::daemon {

namespace {

constexpr core::Millis repeat_window{60'000};
constexpr std::size_t repeats_max = 256;  // distinct lines remembered
constexpr std::size_t message_bytes_max = 4096;

// sd-daemon(3) priorities.
std::string_view journal_prefix(LogLevel level) {
  constexpr std::array<std::string_view, 4> prefixes{"<7>", "<6>", "<4>", "<3>"};
  return prefixes[static_cast<std::size_t>(level)];
}

}  // namespace

LogLevel parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "warn") return LogLevel::warn;
  if (text == "error") return LogLevel::error;
  return LogLevel::info;
}

std::string_view to_string(LogLevel level) {
  constexpr std::array<std::string_view, 4> names{"debug", "info", "warn", "error"};
  return names[static_cast<std::size_t>(level)];
}

std::string LinkNamer::link_ref(const core::LinkId& link_id) const {
  constexpr std::string_view digits = "0123456789abcdef";
  const core::Digest digest = core::digest_of(salt_ + link_id.str());
  std::string hex;
  for (std::size_t at = 0; at < 6; ++at) {
    hex += digits[digest[at] >> 4];
    hex += digits[digest[at] & 0xf];
  }
  return hex;
}

Log::Log(LogOptions options, Sink sink, Clock clock)
    : options_(options), sink_(std::move(sink)), clock_(std::move(clock)) {
}

std::optional<std::uint64_t> Log::admit(const std::string& identity, core::WallTime now) {
  // Rather forget what was left out than grow without a bound.
  if (repeats_.size() >= repeats_max && !repeats_.contains(identity)) repeats_.clear();
  auto [found, inserted] = repeats_.try_emplace(identity, Repeat{.written_at = now});
  Repeat& repeat = found->second;
  if (inserted) return 0;
  const bool within = now >= repeat.written_at && now - repeat.written_at < repeat_window;
  if (within) {
    ++repeat.suppressed;
    return std::nullopt;
  }
  const std::uint64_t suppressed = repeat.suppressed;
  repeat = Repeat{.written_at = now};
  return suppressed;
}

void Log::write(LogLevel level, EventName event, std::string_view message, const LogFields& fields) {
  if (level < options_.level) return;
  const core::WallTime now = clock_();
  std::uint64_t suppressed = 0;
  if (level >= LogLevel::warn) {
    const std::optional<std::uint64_t> admitted =
        admit(fmt::format("{}\n{}\n{}", std::string_view(event), message, fields.text()), now);
    if (!admitted) {
      if (tally_) tally_(level, false);
      return;
    }
    suppressed = *admitted;
  }
  if (tally_) tally_(level, true);
  std::string line;
  if (options_.journal_prefix) line += journal_prefix(level);
  JsonWriter writer;
  writer.begin_object();
  writer.member("ts", std::string_view(core::format_wall_time(now)));
  writer.member("level", to_string(level));
  writer.member("event", std::string_view(event));
  writer.member("msg", message.substr(0, message_bytes_max));
  if (suppressed > 0) writer.member("repeated", suppressed);
  if (!fields.text().empty()) writer.raw(fields.text());
  writer.end_object();
  line += writer.text();
  sink_(level, line);
}

Log::Sink stderr_sink() {
  auto logger =
      std::make_shared<spdlog::logger>("moneykit-syncd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);
  // A log that cannot be written must not take the daemon down, nor be reported where it cannot be written.
  logger->set_error_handler([](const std::string&) {});
  return [logger](LogLevel, const std::string& line) {
    logger->log(spdlog::level::info, spdlog::string_view_t(line));
    logger->flush();
  };
}

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace syncd::daemon
