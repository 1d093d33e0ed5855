#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace syncd::api {

struct ResponseLimits {
  std::size_t header_bytes_max = 16 * 1024;  // status line excluded, 1xx answers counted by themselves
  std::size_t fields_max = 100;
  std::size_t body_bytes_max = 16 * 1024 * 1024;
  unsigned informational_max = 3;  // 1xx answers before the final one
};

// Why an answer is refused, for people; empty: it is not. Always a literal.
using Verdict = std::string_view;
// The one that a smaller page can mend.
inline constexpr Verdict body_too_large = "body larger than allowed";

// The head of one response, judged field by field. Stricter than RFC 9112 where leniency has let two parties
// disagree about where a message ends (request smuggling, response splitting): exactly one framing, stated
// once, in its plainest form. Pure: the byte-level grammar is the parser's business.
class ResponseHead {
 public:
  explicit ResponseHead(const ResponseLimits& limits) : limits_(limits) {}

  Verdict status_line(int status, int version);  // version: 11 for HTTP/1.1
  // `folded`: the value was continued on another line.
  Verdict field(std::string_view name, std::string_view value, bool folded);
  Verdict finish();

  bool informational() const { return status_ >= 100 && status_ < 200; }
  int status() const { return status_; }
  bool keep_alive() const { return keep_alive_; }
  bool json() const { return json_; }
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  std::string& retry_after() { return retry_after_; }
  std::string& date() { return date_; }

 private:
  Verdict content_length_field(std::string_view value);

  ResponseLimits limits_;
  int status_ = 0;
  std::size_t fields_ = 0;
  std::size_t header_bytes_ = 0;
  bool keep_alive_ = true;
  bool chunked_ = false;
  bool json_ = false;
  std::optional<std::uint64_t> content_length_;
  std::string retry_after_;
  std::string date_;
};

// True for application/json and application/*+json, parameters ignored.
bool is_json_media_type(std::string_view content_type);

}  // namespace syncd::api
