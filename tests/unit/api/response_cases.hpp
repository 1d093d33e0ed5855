#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace syncd::test {

struct ResponseCase {
  std::string name;
  std::string bytes;  // of the whole response
  std::string why;    // part of what is to be said about it; empty: anything
};
inline std::ostream& operator<<(std::ostream& out, const ResponseCase& response) {
  return out << response.name;
}

// `HTTP/1.1 200 OK` with these header lines and these bytes behind them.
std::string ok_answer(const std::string& fields, const std::string& body);
std::string chunked_answer(const std::string& body);
std::string many_fields(int count);

// Responses that must never be believed, each for one reason.
std::vector<ResponseCase> refused_responses();

}  // namespace syncd::test
