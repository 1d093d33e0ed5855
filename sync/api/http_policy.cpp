#include "sync/api/http_policy.hpp"

#include <algorithm>
#include <charconv>

namespace syncd::api {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool iequals(std::string_view text, std::string_view lower_case) {
  return text.size() == lower_case.size() &&
         std::ranges::equal(text, lower_case, [](char a, char b) { return lower(a) == b; });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

bool has_token(std::string_view list, std::string_view token) {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (iequals(trim(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

bool is_json_media_type(std::string_view content_type) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  constexpr std::string_view application = "application/";
  constexpr std::string_view suffix = "+json";
  if (iequals(type, "application/json")) return true;
  return type.size() > application.size() + suffix.size() &&
         iequals(type.substr(0, application.size()), application) &&
         iequals(type.substr(type.size() - suffix.size()), suffix);
}

Verdict ResponseHead::status_line(int status, int version) {
  status_ = status;
  if (version != 11) return "not HTTP/1.1";
  if (status < 100 || status > 599) return "status code outside 100 to 599";
  return {};
}

Verdict ResponseHead::content_length_field(std::string_view value) {
  if (content_length_) return "Content-Length given twice";
  std::uint64_t length = 0;
  const char* const end = value.data() + value.size();
  const char* const begin = end - value.size();
  const auto [stop, error] = std::from_chars(begin, end, length);
  if (error != std::errc{} || stop != end) return "Content-Length is not one plain number";
  if (length > limits_.body_bytes_max) return body_too_large;
  content_length_ = length;
  return {};
}

Verdict ResponseHead::field(std::string_view name, std::string_view value, bool folded) {
  if (folded) return "a header field is folded over several lines";
  if (++fields_ > limits_.fields_max) return "too many header fields";
  header_bytes_ += name.size() + value.size() + 4;
  if (header_bytes_ > limits_.header_bytes_max) return "header larger than allowed";
  // Most fields are none of ours: decide by length first.
  switch (name.size()) {
    case 4:
      if (iequals(name, "date")) date_.assign(value);
      break;
    case 10:
      if (iequals(name, "connection") && has_token(value, "close")) keep_alive_ = false;
      break;
    case 11:
      if (iequals(name, "retry-after")) retry_after_.assign(value);
      break;
    case 12:
      if (iequals(name, "content-type")) json_ = is_json_media_type(value);
      break;
    case 14:
      if (iequals(name, "content-length")) return content_length_field(value);
      break;
    case 16:
      if (iequals(name, "content-encoding") && !iequals(value, "identity")) {
        return "body is compressed although that was not asked for";
      }
      break;
    case 17:
      if (!iequals(name, "transfer-encoding")) break;
      if (chunked_) return "Transfer-Encoding given twice";
      if (!iequals(value, "chunked")) return "Transfer-Encoding other than chunked";
      chunked_ = true;
      break;
    default:
      break;
  }
  return {};
}

Verdict ResponseHead::finish() {
  const bool framed = chunked_ || content_length_.has_value();
  if (chunked_ && content_length_) return "both Transfer-Encoding and Content-Length";
  if (status_ == 101) return "protocol switched although that was not asked for";
  if (informational()) return framed ? "interim answer with a body" : Verdict{};
  if (status_ == 204 || status_ == 304) {
    return chunked_ || content_length_.value_or(0) != 0 ? "204 or 304 with a body" : Verdict{};
  }
  if (!framed) return "body without a length, ended only by closing";
  return {};
}

}  // namespace syncd::api
