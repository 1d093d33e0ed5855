#include "tests/fuzz/support/http_reading.hpp"

#include <algorithm>

namespace syncd::fuzz {
namespace {

constexpr std::string_view crlf = "\r\n";

bool all_of_set(std::string_view text, std::string_view set) {
  return !text.empty() && text.find_first_not_of(set) == std::string_view::npos;
}

std::string_view without_zeros(std::string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1));
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// A line up to CRLF, with no other control character than tabs in it.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find(crlf);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  const bool plain = std::ranges::all_of(
      line, [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); });
  if (!plain) return std::nullopt;
  text.remove_prefix(end + 2);
  return line;
}

struct Framing {
  std::optional<std::size_t> length;
  bool chunked = false;
};

// One header line; false: it must not be.
bool read_field(std::string_view line, Framing& framing) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  constexpr std::string_view token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
  if (!all_of_set(name, token)) return false;
  if (name == "content-length") {
    if (framing.length || !all_of_set(value, "0123456789")) return false;
    if (without_zeros(value).size() > 18) return false;
    framing.length = std::stoull(std::string(without_zeros(value)));
  }
  if (name == "transfer-encoding") {
    if (framing.chunked || lower(value) != "chunked") return false;
    framing.chunked = true;
  }
  return name != "content-encoding" || lower(value) == "identity";
}

bool read_chunks(std::string_view& text, std::string& body) {
  for (;;) {
    const auto line = take_line(text);
    if (!line || !all_of_set(*line, "0123456789abcdefABCDEF")) return false;
    if (without_zeros(*line).size() > 15) return false;
    const std::size_t bytes = std::stoull(std::string(without_zeros(*line)), nullptr, 16);
    if (bytes == 0) break;
    if (text.size() < bytes + 2 || text.substr(bytes, 2) != crlf) return false;
    body += text.substr(0, bytes);
    text.remove_prefix(bytes + 2);
  }
  const auto end = take_line(text);  // no trailers
  return end && end->empty();
}

// One message; nullopt: not by the rules.
std::optional<HttpReading> read_message(std::string_view& text) {
  const auto line = take_line(text);
  if (!line || !line->starts_with("HTTP/1.1 ") || line->size() < 13 || (*line)[12] != ' ')
    return std::nullopt;
  if (!all_of_set(line->substr(9, 3), "0123456789")) return std::nullopt;
  HttpReading reading{.status = std::stoi(std::string(line->substr(9, 3)))};
  if (reading.status < 100 || reading.status > 599 || reading.status == 101) return std::nullopt;
  Framing framing;
  for (;;) {
    const auto field = take_line(text);
    if (!field) return std::nullopt;
    if (field->empty()) break;
    if (!read_field(*field, framing)) return std::nullopt;
  }
  if (framing.chunked && framing.length) return std::nullopt;
  if (reading.status < 200) return framing.chunked || framing.length ? std::nullopt : std::optional{reading};
  if (reading.status == 204 || reading.status == 304) {
    return framing.chunked || framing.length.value_or(0) != 0 ? std::nullopt : std::optional{reading};
  }
  if (framing.chunked) return read_chunks(text, reading.body) ? std::optional{reading} : std::nullopt;
  if (!framing.length || text.size() < *framing.length) return std::nullopt;
  reading.body = text.substr(0, *framing.length);
  text.remove_prefix(*framing.length);
  return reading;
}

}  // namespace

std::optional<HttpReading> read_http_response(std::string_view text) {
  std::string_view rest = text;
  for (;;) {
    auto reading = read_message(rest);
    if (!reading || reading->status >= 200) {
      if (reading) reading->bytes = text.size() - rest.size();
      return reading;
    }
  }
}

}  // namespace syncd::fuzz
