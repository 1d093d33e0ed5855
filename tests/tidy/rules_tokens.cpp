#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "tests/tidy/findings.hpp"
#include "tests/tidy/places.hpp"

namespace syncd::tidy {
namespace {

// Names that may stand only in some files: matched in code, as whole words ("::" and "(" may be part of the
// name).
struct TokenRule {
  std::string_view rule;
  std::string_view tokens;   // separated by blanks
  std::string_view applies;  // patterns of files
  std::string_view except;   // patterns of files
  std::string_view fix;
};

constexpr std::string_view ours = "daemon/* sync/* store/* metrics/*";

constexpr std::array<TokenRule, 11> rules{{
    {"core-purity",
     "system_clock::now steady_clock::now high_resolution_clock::now random_device std::thread std::jthread "
     "getenv "
     "std::filesystem std::cout std::cerr std::rand std::time gettimeofday clock_gettime std::mutex "
     "std::async",
     "sync/core/*", "", "take the instant, the random number or the setting as an argument"},
    {"seam",
     "system_clock::now steady_clock::now high_resolution_clock::now random_device steady_timer system_timer "
     "high_resolution_timer deadline_timer getaddrinfo tcp::resolver gettimeofday clock_gettime std::rand",
     "sync/* metrics/* tests/sim/* tests/property/*",
     "sync/core/* sync/engine/system_timers* sync/engine/store_gateway* sync/api/https_transport* "
     "metrics/process*",
     "go through Timers, Transport or an argument, so that simulation can stand in for it"},
    // When to visit a link is statistics; no amount gets there.
    {"double", "double float stod stof stold strtod strtof atof get_double", "sync/core/* store/*",
     "sync/core/evidence* sync/core/freshness* sync/core/ladder* sync/core/next_visit* sync/core/outlook* "
     "sync/core/planner* sync/core/price* sync/core/refresh_clock*",
     "money is exact text; for anything else say why: // tidy: allow double: ..."},
    {"co-spawn", "co_spawn", "daemon/* sync/* store/* metrics/*", "sync/engine/task_group* daemon/app*",
     "spawn through a TaskGroup, which is joined"},
    {"detached", "asio::detached detached", "daemon/* sync/* store/* metrics/* tests/*", "",
     "a detached coroutine swallows its exceptions and outlives what it uses: spawn it in a TaskGroup"},
    {"output",
     "std::cout std::cerr std::clog printf( fprintf( puts( fputs( putchar( fmt::print std::println "
     "std::print",
     ours, "daemon/cli/* daemon/main* daemon/*_main* daemon/commands*",
     "log through daemon/log.hpp; only the programs' main files write to the terminal"},
    {"sleep", "this_thread::sleep_for this_thread::sleep_until usleep nanosleep",
     "daemon/* sync/* store/* metrics/* tests/*", "tests/bench/fast_clock*",
     "wait for the event itself: a line, a readable socket, a state, a child's end"},
    {"environment", "getenv secure_getenv setenv putenv", ours,
     "daemon/config* daemon/main* daemon/notify* daemon/log* daemon/secret_file* daemon/cli/*",
     "the environment is read in daemon/config, and never holds a secret"},
    {"exception-text", "e.what ex.what error.what", "sync/* store/* metrics/* daemon/*", "",
     "what() repeats paths and bodies: use ec.message(), or say why: // tidy: allow exception-text: ..."},
    {"thread-unsafe", "strerror strtok gmtime asctime ctime readdir_r setlocale", ours, "",
     "it shares a static buffer with other threads: std::error_code::message, gmtime_r and so on"},
    {"local-time", "localtime localtime_r mktime timelocal std::put_time current_zone",
     "daemon/* sync/* store/* metrics/*", "", "dates are text and instants are UTC: no local time zone"},
}};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Calls `found(offset)` for each place where `token` stands as a whole name.
template <class Found>
void each_token(std::string_view code, std::string_view token, Found found) {
  for (std::size_t at = code.find(token); at != std::string_view::npos; at = code.find(token, at + 1)) {
    const bool word_before = at > 0 && is_word(token.front()) && is_word(code[at - 1]);
    const std::size_t end = at + token.size();
    const bool word_after = end < code.size() && is_word(token.back()) && is_word(code[end]);
    if (!word_before && !word_after) {
      found(at);
    }
  }
}

bool on_include_line(const SourceText& source, std::size_t offset) {
  const std::string_view line = source.line(source.line_of(offset));
  return line.starts_with("#include");
}

void check_rule(const SourceText& source, const TokenRule& rule, std::vector<Finding>& out) {
  std::string_view tokens = rule.tokens;
  std::size_t last_line = 0;
  while (!tokens.empty()) {
    const std::size_t end = std::min(tokens.find(' '), tokens.size());
    const std::string_view token = tokens.substr(0, end);
    tokens.remove_prefix(std::min(end + 1, tokens.size()));
    each_token(source.code, token, [&](std::size_t at) {
      const std::size_t line = source.line_of(at);
      if (line != last_line && !on_include_line(source, at)) {
        last_line = line;
        out.push_back({source.path, line, std::string(rule.rule), std::string(token) + " is not allowed here",
                       std::string(rule.fix)});
      }
    });
  }
}

}  // namespace

void check_tokens(const SourceText& source, std::vector<Finding>& out) {
  for (const TokenRule& rule : rules) {
    if (any_matches(rule.applies, source.path) && !any_matches(rule.except, source.path)) {
      check_rule(source, rule, out);
    }
  }
}

}  // namespace syncd::tidy
