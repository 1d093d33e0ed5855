#include <arpa/inet.h>
#include <array>
#include <ctime>
#include <string>

#include <boost/asio/ip/address.hpp>

#include "daemon/address.hpp"
#include "daemon/admin/target.hpp"
#include "daemon/duration.hpp"
#include "sync/api/address_policy.hpp"
#include "sync/api/base_url.hpp"
#include "sync/api/percent.hpp"
#include "sync/core/civil.hpp"
#include "sync/core/classify.hpp"
#include "sync/core/json_text.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/expected.hpp"

// Small texts, one kind by the first byte: Retry-After, upstream's times, calendar dates, durations, ids,
// percent-encoding, base URLs, listen addresses, IP addresses, JSON strings. Each either round-trips, or
// agrees with another way to read it (the C library, the kernel's own address reader, the second JSON
// reader), or keeps its bounds.
namespace syncd::fuzz {
namespace {

using core::Millis;

void try_retry_after(Choices& choices) {
  const core::WallTime now{Millis(static_cast<std::int64_t>(choices.number() % 253'402'300'800'000))};
  const std::string date(choices.text(40));
  const std::string_view value = choices.rest();
  const auto delay = core::parse_retry_after(value, date, now);
  FUZZ_CHECK(!delay || (*delay >= core::retry_after_min && *delay <= core::retry_after_max),
             "a wait is one second to one hour");
  const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos;
  if (!number) return;
  const std::size_t first = std::min(value.find_first_not_of('0'), value.size());
  const std::string_view digits = value.substr(first);
  if (digits.empty()) return FUZZ_CHECK(!delay, "zero asks for nothing");
  const long seconds = digits.size() > 4 ? 3600 : std::min(std::stol(std::string(digits)), 3600L);
  FUZZ_CHECK(delay == std::chrono::seconds(seconds), "seconds are seconds, up to an hour");
}

// An HTTP date made by the C library is understood.
void try_http_date(Choices& choices) {
  const auto seconds = static_cast<std::int64_t>(choices.number() % 253'402'300'800);
  const auto ahead = static_cast<std::int64_t>(choices.number() % 7'200);
  const core::WallTime now{std::chrono::seconds(seconds)};
  const std::time_t until = seconds + ahead;
  std::tm parts{};
  if (until >= 253'402'300'800 || gmtime_r(&until, &parts) == nullptr || parts.tm_year < -899) return;
  char text[64];
  constexpr const char* forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};
  const std::size_t length = std::strftime(text, sizeof text, forms[choices.below(2)], &parts);
  const auto delay = core::parse_retry_after({text, length}, {}, now);
  const std::int64_t expected = std::min<std::int64_t>(ahead, 3600);
  FUZZ_CHECK_SAYING(ahead == 0 ? !delay : delay == std::chrono::seconds(expected), "a date is understood",
                    text);
}

void try_time(std::string_view text) {
  const auto time = core::parse_upstream_time(text);
  if (!time) return;
  FUZZ_CHECK(is_calendar_date(text.substr(0, 10)), "a time begins with a date");
  const core::WallTime millis = std::chrono::floor<Millis>(*time);
  const std::string printed = core::format_wall_time(millis);
  // An offset may lead out of the years that have four digits.
  const bool four_digits = millis >= core::WallTime{std::chrono::seconds(-62'135'596'800)} &&
                           millis < core::WallTime{std::chrono::seconds(253'402'300'800)};
  FUZZ_CHECK(!four_digits || core::parse_upstream_time(printed) == core::UpstreamTime{millis},
             "what is printed is read back");
  std::tm parts{};
  if (strptime(std::string(text.substr(0, 19)).c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return;
  if (!text.substr(std::min<std::size_t>(text.size(), 19)).empty() || parts.tm_sec > 59) return;
  FUZZ_CHECK(std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count() == timegm(&parts),
             "a time without fraction and zone is what the C library says");
}

void try_date(std::string_view text) {
  const auto date = core::parse_civil_date(text);
  FUZZ_CHECK(date.has_value() == is_calendar_date(text), "a date is one exactly when the calendar has it");
  if (!date) return;
  std::tm parts{};
  parts.tm_year = date->year - 1900;
  parts.tm_mon = static_cast<int>(date->month) - 1;
  parts.tm_mday = static_cast<int>(date->day);
  FUZZ_CHECK(core::sys_days_of(*date).time_since_epoch().count() * 86'400L == timegm(&parts),
             "days are counted as the C library does");
}

void try_duration(std::string_view text) {
  const auto duration = daemon::parse_duration(text);
  if (!duration) return FUZZ_CHECK(!duration.error().empty(), "a refusal has a reason");
  FUZZ_CHECK(*duration >= Millis(0) && *duration <= std::chrono::days(3650), "at most ten years");
  const std::string shortest = daemon::format_duration(*duration);
  FUZZ_CHECK(daemon::parse_duration(shortest) == *duration, "what is printed is read back");
}

void try_id(std::string_view text) {
  const JsonNode node{.kind = JsonNode::Kind::text, .text = text};
  const bool valid = is_utf8(text) && is_id(&node);
  FUZZ_CHECK(core::is_valid_id(text) == valid, "an id is 1 to 256 bytes of UTF-8 without control characters");
  FUZZ_CHECK(core::LinkId::parse(text).has_value() == valid, "an id is parsed exactly when it is valid");
}

// What is encoded is decoded again, where it may stand in a path; the result is safe in a URL.
void try_percent(std::string_view text) {
  std::string encoded = "/";
  api::append_percent_encoded(encoded, text);
  constexpr std::string_view safe = "/%-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  FUZZ_CHECK(encoded.find_first_not_of(safe) == std::string::npos, "nothing unsafe is left");
  const auto target = daemon::parse_target(encoded);
  const bool clean = is_utf8(text) && std::ranges::none_of(text, [](char c) {
                       return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                     });
  FUZZ_CHECK(target.has_value() == clean, "clean text is accepted back");
  FUZZ_CHECK(!clean || (target->segments.size() == 1 && target->segments[0] == text), "and is what it was");
}

void try_base_url(std::string_view text) {
  const auto url = api::parse_base_url(text);
  if (!url) {
    const std::string& message = url.error().message;
    const bool password = text.find('@') != std::string_view::npos;
    FUZZ_CHECK(!password || text.size() < 8 || message.find(text) == std::string::npos,
               "no password is shown");
    return;
  }
  FUZZ_CHECK(!url->host.empty() && url->port != 0, "there is somebody to speak to");
  FUZZ_CHECK(url->path.empty() || (url->path.front() == '/' && url->path.back() != '/'), "a path is plain");
  const std::string again = (url->tls ? "https://" : "http://") + url->authority() + url->path;
  const auto second = api::parse_base_url(again);
  FUZZ_CHECK_SAYING(second && second->host == url->host && second->port == url->port &&
                        second->path == url->path && second->tls == url->tls,
                    "a URL put together again is the same", again);
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(url->host, ec);
  const bool loopback = url->host == "localhost" || (!ec && api::is_loopback_address(address));
  FUZZ_CHECK(url->tls || loopback, "credentials do not travel in the clear");
}

void try_listen_address(std::string_view text) {
  const auto listen = daemon::parse_listen_address(text);
  if (!listen) return FUZZ_CHECK(!listen.error().empty(), "a refusal has a reason");
  const bool v6 = listen->address.find(':') != std::string::npos;
  const std::string again =
      (v6 ? "[" + listen->address + "]" : listen->address) + ":" + std::to_string(listen->port);
  const auto second = daemon::parse_listen_address(again);
  FUZZ_CHECK_SAYING(second && second->address == listen->address && second->port == listen->port,
                    "an address put together again is the same", again);
  FUZZ_CHECK(listen->address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos,
             "an address is nothing but an address");
  std::array<unsigned char, sizeof(in6_addr)> raw{};
  FUZZ_CHECK(inet_pton(v6 ? AF_INET6 : AF_INET, listen->address.c_str(), raw.data()) == 1,
             "it begins with an address");
}

// An address in IPv6 clothes is judged as itself, and nothing is both inside and public.
void try_address(Choices& choices) {
  namespace ip = boost::asio::ip;
  ip::address_v4::bytes_type four{};
  for (auto& byte : four)
    byte = choices.byte();
  const ip::address_v4 plain(four);
  const ip::address mapped = ip::make_address_v6(ip::v4_mapped, plain);
  FUZZ_CHECK(api::is_public_address(plain) == api::is_public_address(mapped), "mapped is the same");
  FUZZ_CHECK(api::is_loopback_address(plain) == api::is_loopback_address(mapped), "mapped is the same");
  const bool private_net = four[0] == 10 || (four[0] == 192 && four[1] == 168) ||
                           (four[0] == 172 && four[1] / 16 == 1) || (four[0] == 169 && four[1] == 254);
  const bool inside = private_net || plain.is_loopback() || plain.is_multicast() || plain.is_unspecified();
  FUZZ_CHECK(!inside || !api::is_public_address(plain), "what leads inside is not public");
  ip::address_v6::bytes_type six{};
  for (auto& byte : six)
    byte = choices.byte();
  const ip::address_v6 wide(six);
  const bool wide_inside = wide.is_loopback() || wide.is_link_local() || wide.is_multicast() ||
                           wide.is_site_local() || wide.is_unspecified() || (six[0] & 0xfe) == 0xfc;
  FUZZ_CHECK(!wide_inside || !api::is_public_address(wide), "what leads inside is not public");
}

// Whatever goes in, a JSON string comes out that a terminal survives; valid text is read back.
void try_json_text(std::string_view text) {
  std::string json;
  core::append_json_string(json, text);
  static JsonTree tree;
  FUZZ_CHECK_SAYING(tree.read(json) && tree.root().kind == JsonNode::Kind::text, "it is a JSON string", json);
  FUZZ_CHECK(!is_utf8(text) || tree.root().text == text, "valid text is read back");
  const bool harmless =
      std::ranges::all_of(json, [](char c) { return static_cast<unsigned char>(c) >= 0x20; });
  FUZZ_CHECK(harmless && json.find('\x7f') == std::string::npos, "no control character is left");
}

}  // namespace

FUZZ_TARGET(texts) {
  Choices choices(bytes);
  switch (choices.below(12)) {
    case 0:
      return try_retry_after(choices);
    case 1:
      return try_http_date(choices);
    case 2:
      return try_time(choices.rest());
    case 3:
      return try_date(choices.rest());
    case 4:
      return try_duration(choices.rest());
    case 5:
      return try_id(choices.rest());
    case 6:
      return try_percent(choices.rest());
    case 7:
      return try_base_url(choices.rest());
    case 8:
      return try_listen_address(choices.rest());
    case 9:
      return try_address(choices);
    default:
      return try_json_text(choices.rest());
  }
}

}  // namespace syncd::fuzz
