#include "sync/core/types.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "sync/core/civil.hpp"
#include "sync/core/json_text.hpp"

namespace syncd::core {
namespace {

// Removes `c` from the front.
bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_any(std::string_view& text, std::string_view set) {
  if (text.empty() || set.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// `.` and one or more digits, cut after six; no point at all is zero.
std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return std::chrono::microseconds{0};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0) return std::nullopt;
  std::int64_t micros = 0;
  for (std::size_t i = 0; i < 6; ++i)
    micros = micros * 10 + (i < digits ? text[i] - '0' : 0);
  text.remove_prefix(digits);
  return std::chrono::microseconds{micros};
}

// Everything after the fraction: nothing, Z, +hh:mm, +hhmm or +hh. Must use up `text`.
std::optional<std::chrono::minutes> parse_zone(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return std::chrono::minutes{0};
  const bool west = text.front() == '-';
  if (!take_any(text, "+-")) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23) return std::nullopt;
  unsigned minutes = 0;
  if (!text.empty()) {
    take(text, ':');
    const auto digits = take_digits(text, 2);
    if (!digits || *digits > 59 || !text.empty()) return std::nullopt;
    minutes = *digits;
  }
  const std::chrono::minutes offset{*hours * 60 + minutes};
  return west ? -offset : offset;
}

// 0x20 to 0x7e only, eight bytes at a time: a byte below borrows into its high bit, 0x7f carries into it.
bool is_printable_ascii(std::string_view text) {
  static constexpr std::uint64_t ones = 0x0101010101010101;
  const auto odd = [](std::uint64_t eight) { return (eight - ones * 0x20) | (eight + ones) | eight; };
  std::uint64_t bits = 0;
  if (text.size() < 8) {
    for (const char c : text)
      bits |= odd(ones * static_cast<unsigned char>(c));
    return (bits & (ones * 0x80)) == 0;
  }
  const char* const last = text.data() + text.size() - 8;  // overlaps what was seen before it
  std::uint64_t eight = 0;
  for (const char* here = text.data(); here < last; here += 8) {
    std::memcpy(&eight, here, 8);
    bits |= odd(eight);
  }
  std::memcpy(&eight, last, 8);
  return ((bits | odd(eight)) & (ones * 0x80)) == 0;
}

}  // namespace

std::optional<UpstreamTime> parse_upstream_time(std::string_view text) {
  using namespace std::chrono;
  const auto date = parse_civil_date(text.substr(0, 10));
  if (!date) return std::nullopt;
  text.remove_prefix(10);
  if (!take_any(text, "Tt ")) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto zone = parse_zone(text);
  if (!zone) return std::nullopt;
  // System time has no leap seconds: :60 is read as the last instant of its minute, so that order is kept.
  const microseconds in_minute =
      *second == 60 ? microseconds{59'999'999} : microseconds{seconds{*second}} + *fraction;
  return UpstreamTime{sys_days_of(*date) + hours{*hour} + minutes{*minute} - *zone + in_minute};
}

std::string format_wall_time(WallTime time) {
  using namespace std::chrono;
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

bool is_valid_tag(std::string_view text) {
  constexpr std::size_t bytes_max = 128;
  return text.size() <= bytes_max && is_valid_id(text);
}

bool is_valid_id(std::string_view text) {
  if (text.empty() || text.size() > id_bytes_max) return false;
  if (is_printable_ascii(text)) return true;  // every id seen so far
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const bool control = c.value < 0x20 || (c.value >= 0x7f && c.value < 0xa0);
    if (c.length == 0 || control) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  // FNV's high bits depend little on the last bytes; the finaliser of MurmurHash3 spreads them.
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 33;
  return hash;
}

Hash sha256_of(std::string_view bytes) {
  struct Hasher {
    std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                              &EVP_MD_free};
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  };
  static thread_local const Hasher hasher;  // looking the algorithm up costs more than a short digest
  Hash full{};
  // Without an algorithm the first call fails.
  const bool done = hasher.context &&
                    EVP_DigestInit_ex2(hasher.context.get(), hasher.algorithm.get(), nullptr) == 1 &&
                    EVP_DigestUpdate(hasher.context.get(), bytes.data(), bytes.size()) == 1 &&
                    EVP_DigestFinal_ex(hasher.context.get(), full.data(), nullptr) == 1;
  if (!done) throw std::runtime_error("OpenSSL has no working SHA-256");
  return full;
}

Digest digest_of(std::string_view bytes) {
  const Hash full = sha256_of(bytes);
  Digest digest{};
  std::copy_n(full.begin(), digest.size(), digest.begin());
  return digest;
}

std::string_view to_string(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::sync:
      return "sync";
    case Endpoint::accounts:
      return "accounts";
    case Endpoint::link:
      return "link";
    case Endpoint::links:
      return "links";
    case Endpoint::token:
      return "token";
    case Endpoint::introspect:
      return "introspect";
    case Endpoint::link_session:
      return "link_session";
    case Endpoint::exchange_token:
      return "exchange_token";
    case Endpoint::user_links:
      return "user_links";
    case Endpoint::delete_link:
      return "delete_link";
    case Endpoint::key_set:
      return "key_set";
    case Endpoint::update_link:
      return "update_link";
    case Endpoint::products:
      return "products";
  }
  return "unknown";
}

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::schedule:
      return "schedule";
    case Cause::webhook:
      return "webhook";
    case Cause::manual:
      return "manual";
    case Cause::backfill:
      return "backfill";
    case Cause::verify:
      return "verify";
    case Cause::probe:
      return "probe";
  }
  return "unknown";
}

std::string_view to_string(LinkStatus status) {
  switch (status) {
    case LinkStatus::active:
      return "active";
    case LinkStatus::backoff:
      return "backoff";
    case LinkStatus::relink:
      return "relink";
    case LinkStatus::blocked:
      return "blocked";
    case LinkStatus::quarantined:
      return "quarantined";
    case LinkStatus::paused:
      return "paused";
    case LinkStatus::gone:
      return "gone";
  }
  return "unknown";
}

std::optional<LinkStatus> parse_link_status(std::string_view text) {
  for (std::size_t i = 1; i <= link_status_count; ++i) {
    const auto status = static_cast<LinkStatus>(i);
    if (to_string(status) == text) return status;
  }
  return std::nullopt;
}

}  // namespace syncd::core
