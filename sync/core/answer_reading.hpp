#pragma once

#include <memory>
#include <string>
#include <utility>

#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::core {

// Shared by the parse_* functions.

// The reason for refusing an answer for its size alone.
inline constexpr const char* too_many_rows = "holds more rows than an answer may";

// The refusal of an answer: where and why, its size and digest, never its content.
std::unexpected<Error> refused(const Reader& reader, std::string_view what, std::string_view body);

// Reads a document whose views must stay valid: the body is moved to its final place before anything points
// into it. `read(reader, answer)` reads the one top value.
template <class Answer, class Read>
Result<std::shared_ptr<const Answer>> parse_answer(std::string body, std::string_view what, Read read) {
  auto answer = std::make_shared<Answer>();
  answer->body = std::move(body);
  answer->body.reserve(answer->body.size() + body_padding_bytes);
  Reader reader(answer->body, answer->unescaped);
  if (!reader.ok() || !read(reader, *answer) || !reader.finish()) return refused(reader, what, answer->body);
  return answer;
}

bool read_id(Reader& reader, std::string_view& id);
// A position: a text, null for none, at most cursor_bytes_max long.
bool read_cursor(Reader& reader, std::string_view& cursor);
// The link object at the front of `reader`. Unknown words are counted in `unknown`.
bool read_link(Reader& reader, LinkObject& link, std::uint32_t& unknown);

}  // namespace syncd::core
