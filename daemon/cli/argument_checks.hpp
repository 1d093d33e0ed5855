#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace syncd::cli {

// What a word of the command line must be like, decided before the daemon is asked: for the parser, which
// puts the name of the option before the answer. Empty: it is well formed.

// An empty text is mostly a variable of a script that is not set: never what was meant.
std::string not_empty(const std::string& text);
std::string whole_number(const std::string& text);
// Of a link or of a user.
std::string valid_id(const std::string& text);
std::string valid_letter(const std::string& text);
std::string valid_token_name(const std::string& text);
std::string valid_consumer_name(const std::string& text);
// A place in the feed: a whole number, or head.
std::string valid_sequence(const std::string& text);
// As long as the daemon waits.
std::string valid_wait(const std::string& text);
std::string valid_lifetime(const std::string& text);
// 1 to `bytes_max` bytes.
std::function<std::string(const std::string&)> text_up_to(std::size_t bytes_max);

}  // namespace syncd::cli
