// Every rule must fire on a bad example and stay silent on a good one: a check that cannot fail checks
// nothing.

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tidy/findings.hpp"
#include "tests/tidy/places.hpp"

namespace syncd::tidy {
namespace {

struct Example {
  std::string name;
  std::string path;
  std::string rule;
  std::string bad;
  std::string good;
};

// Without this GoogleTest prints the bytes of the struct.
void PrintTo(const Example& example, std::ostream* out) {
  *out << example.name;
}

std::vector<Finding> findings(std::string_view path, std::string_view text) {
  const std::vector<DeniedPhrase> denied =
      parse_denied_phrases("# comment\n\ntodo | do it\nfor now | say when\n");
  return check_source(SourceText::parse(std::string(path), std::string(text)), denied);
}

std::string listed(const std::vector<Finding>& all) {
  std::string out;
  for (const Finding& finding : all) {
    out += to_line(finding) + "\n";
  }
  return out;
}

bool fires(const std::vector<Finding>& all, std::string_view rule) {
  return std::ranges::any_of(all, [rule](const Finding& finding) { return finding.rule == rule; });
}

std::string body(std::string_view statements) {
  return "Task<void> f() {\n  " + std::string(statements) + "\n}\n";
}

std::string lines(std::size_t count, std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += line;
    out += '\n';
  }
  return out;
}

class Rule : public testing::TestWithParam<Example> {};

TEST_P(Rule, FiresOnTheBadExample) {
  const std::vector<Finding> all = findings(GetParam().path, GetParam().bad);
  EXPECT_TRUE(fires(all, GetParam().rule)) << "found only:\n" << listed(all);
}

TEST_P(Rule, IsSilentOnTheGoodExample) {
  const std::vector<Finding> all = findings(GetParam().path, GetParam().good);
  EXPECT_TRUE(all.empty()) << listed(all);
}

std::vector<Example> include_examples() {
  return {
      {"CoreIncludesStore", "sync/core/a.cpp", "include-direction", "#include \"store/store.hpp\"\n",
       "#include \"sync/core/types.hpp\"\n"},
      {"StoreIncludesApi", "store/a.cpp", "include-direction", "#include \"sync/api/client.hpp\"\n",
       "#include \"sync/core/types.hpp\"\n"},
      {"ApiIncludesStore", "sync/api/a.cpp", "include-direction", "#include \"store/store.hpp\"\n",
       "#include \"sync/api/b.hpp\"\n"},
      {"MetricsIncludesEngine", "metrics/a.cpp", "include-direction", "#include \"sync/engine/engine.hpp\"\n",
       "#include \"sync/core/reports.hpp\"\n"},
      {"EngineIncludesDaemon", "sync/engine/a.cpp", "include-direction", "#include \"daemon/config.hpp\"\n",
       "#include \"store/store.hpp\"\n"},
      {"ProductIncludesTests", "daemon/a.cpp", "include-direction", "#include \"tests/sandbox/model.hpp\"\n",
       "#include \"metrics/metrics.hpp\"\n"},
      {"RelativeInclude", "store/a.cpp", "include-root", "#include \"keys.hpp\"\n",
       "#include \"store/keys.hpp\"\n"},
      {"SimdjsonInApi", "sync/api/a.cpp", "header-place", "#include <simdjson.h>\n",
       "// #include <simdjson.h>\n"},
      {"RocksdbInHeader", "store/store.hpp", "header-place", "#pragma once\n#include <rocksdb/db.h>\n",
       "#pragma once\n#include <string>\n"},
      {"PrometheusInDaemon", "daemon/app.cpp", "header-place", "#include <prometheus/registry.h>\n",
       "#include \"metrics/metrics.hpp\"\n"},
      {"BeastInHeader", "sync/api/client.hpp", "header-place",
       "#pragma once\n#include <boost/beast/http.hpp>\n",
       "#pragma once\n#include <boost/asio/awaitable.hpp>\n"},
      {"SpdlogInStore", "store/a.cpp", "header-place", "#include <spdlog/spdlog.h>\n",
       "#include <fmt/format.h>\n"},
      {"SystemdInApp", "daemon/app.cpp", "header-place", "#include <systemd/sd-daemon.h>\n",
       "#include \"daemon/notify.hpp\"\n"},
      {"AsioInCore", "sync/core/a.cpp", "core-purity", "#include <boost/asio/awaitable.hpp>\n",
       "#include <simdjson.h>\n"},
      {"ThirdPartyInCoreHeader", "sync/core/a.hpp", "core-purity", "#pragma once\n#include <simdjson.h>\n",
       "#pragma once\n#include <string_view>\n"},
      {"ThreadsInCore", "sync/core/a.cpp", "core-purity", "#include <mutex>\n", "#include <span>\n"},
      {"FilesInCore", "sync/core/a.cpp", "core-purity", "#include <fstream>\n", "#include <charconv>\n"},
  };
}

std::vector<Example> token_examples() {
  return {
      {"ClockInCore", "sync/core/a.cpp", "core-purity", "auto t = std::chrono::system_clock::now();\n",
       "std::chrono::system_clock::time_point now;\n"},
      {"RandomInCore", "sync/core/a.cpp", "core-purity", "std::random_device d;\n",
       "std::mt19937_64 engine(seed);\n"},
      {"EnvironmentInCore", "sync/core/a.cpp", "core-purity", "auto* p = std::getenv(\"A\");\n",
       "int getenvy = 1;\n"},
      {"ClockInEngine", "sync/engine/scheduler.cpp", "seam", "auto t = std::chrono::steady_clock::now();\n",
       "auto t = timers.now();\n"},
      {"TimerInApi", "sync/api/rate_gate.cpp", "seam", "boost::asio::steady_timer timer(executor);\n",
       "Timers& timers;\n"},
      {"ResolverInApi", "sync/api/client.cpp", "seam", "boost::asio::ip::tcp::resolver r(executor);\n",
       "// tcp::resolver lives in https_transport.cpp\n"},
      {"ClockInSimulation", "tests/sim/world.cpp", "seam", "auto t = std::chrono::steady_clock::now();\n",
       "auto t = world.now();\n"},
      {"DoubleInCore", "sync/core/a.cpp", "double", "double amount = 0;\n",
       "std::string amount;  // never a double\n"},
      {"FloatInStore", "store/a.cpp", "double", "auto x = std::stod(text);\n", "auto x = text;\n"},
      {"SpawnInEngine", "sync/engine/scheduler.cpp", "co-spawn",
       "boost::asio::co_spawn(executor, run(), handler);\n", "group.spawn(run());\n"},
      {"Detached", "tests/loopback/a.cpp", "detached", "co_spawn(e, run(), boost::asio::detached);\n",
       "co_spawn(e, run(), handler);\n"},
      {"PrintInStore", "store/a.cpp", "output", "std::printf(\"x\");\n",
       "std::snprintf(buffer, n, \"x\");\n"},
      {"CoutInDaemon", "daemon/app.cpp", "output", "std::cout << 1;\n", "log.info(\"std::cout\");\n"},
      {"SleepInTest", "tests/e2e/a.cpp", "sleep", "std::this_thread::sleep_for(1s);\n",
       "child.wait_for_line();\n"},
      {"EnvironmentInStore", "store/a.cpp", "environment", "auto* p = std::getenv(\"A\");\n",
       "auto p = options.path;\n"},
      {"WhatInApi", "sync/api/a.cpp", "exception-text", "error = e.what();\n", "error = ec.message();\n"},
      {"StaticBuffer", "store/a.cpp", "thread-unsafe", "auto s = std::strerror(errno);\n",
       "auto s = std::error_code(errno, std::generic_category()).message();\n"},
      {"LocalTime", "sync/core/a.cpp", "local-time", "localtime_r(&t, &out);\n",
       "auto d = civil_from_days(n);\n"},
  };
}

std::vector<Example> coroutine_examples() {
  const std::string path = "sync/engine/cycle.cpp";
  const std::string good = body("const bool b = co_await f();\n  if (b) co_await g(a, h(b));\n  co_return;");
  return {
      {"If", path, "co-await-condition", body("if (co_await f()) { g(); }"), good},
      {"IfNot", path, "co-await-condition", body("if (!co_await f()) { g(); }"), good},
      {"IfInit", path, "co-await-condition", body("if (auto x = co_await f(); x) { g(); }"), good},
      {"IfNested", path, "co-await-condition", body("if ((co_await f()).cancelled() != x) { g(); }"), good},
      {"While", path, "co-await-condition", body("while (co_await f()) { g(); }"), good},
      {"Switch", path, "co-await-condition", body("switch (co_await f()) { case 1: g(); }"), good},
      {"For", path, "co-await-condition", body("for (int i = 0; co_await f(); ++i) { g(); }"), good},
      {"RangeFor", path, "co-await-condition", body("for (auto x : co_await f()) { g(x); }"), good},
      {"AggregateArgument", path, "co-await-brace", body("co_await f(Options{1, 2});"), good},
      {"DesignatedArgument", path, "co-await-brace", body("auto r = co_await f({.a = x});"), good},
      {"AggregateInitialiser", path, "co-await-brace", body("Agg a{.x = co_await f()};"), good},
      {"BracedList", path, "co-await-brace", body("co_await f({\"a\", \"b\"});"), good},
      {"LambdaArgument", path, "co-await-lambda", body("co_await f([] { return 1; });"),
       body("auto g = [] { return 1; };\n  co_await f(std::move(g), list[1]);")},
      {"Ternary", path, "co-await-ternary", body("auto x = c ? co_await f() : g();"), good},
      {"Twice", path, "co-await-once", body("auto x = co_await f() + co_await g();"), good},
      {"Argument", path, "co-await-alone", body("g(co_await f());"), good},
      {"ReturnArgument", path, "co-await-alone", body("co_return g(co_await f());"),
       body("co_return co_await f();")},
      {"Negated", path, "co-await-alone", body("const bool b = !co_await f();"), good},
      {"Joined", path, "co-await-alone", body("const bool b = co_await f() || g();"),
       body("const auto r = co_await (f() || g());")},
      {"CapturingLambda", path, "lambda-coroutine", body("auto g = [x]() -> Task<void> { co_await h(x); };"),
       body("auto g = []() -> Task<void> { co_await h(); };\n  auto [ec, n] = co_await g();")},
      {"CapturingThis", path, "lambda-coroutine", body("run([this] { co_return; });"),
       body("run([this] { return 1; });")},
  };
}

std::vector<Example> layout_examples() {
  const std::string long_line = "// " + std::string(108, 'a') + "\n";
  return {
      {"LongLine", "store/a.cpp", "line-length", long_line,
       "// " + std::string(107, 'a') + "\nauto s = R\"(\n" + std::string(150, 'b') + "\n)\";\n"},
      {"LongLineCountsCharacters", "store/a.cpp", "line-length", "// " + std::string(108, 'a') + "\n",
       "// \u00e9\u00e9\u00e9\u00e9 " + std::string(100, 'a') + "\n"},
      {"LongFunction", "store/a.cpp", "function-length", "void f(int a) {\n" + lines(69, "  g();") + "}\n",
       "namespace a {\nvoid f(int a) {\n" + lines(68, "  g();") + "}\n" + lines(100, "void g();") + "}\n"},
      {"LongTemplate", "store/a.hpp", "function-length",
       "#pragma once\ntemplate <class T = int>\nvoid f() {\n" + lines(69, "  g();") + "}\n",
       "#pragma once\nstruct A {\n" + lines(100, "  int f(int);") + "};\n"},
      {"LongFile", "store/a.cpp", "file-length", lines(601, "int a;"), lines(600, "int a;")},
      {"NoPragmaOnce", "store/a.hpp", "pragma-once", "#ifndef A\n#define A\n#endif\n",
       "// A comment first is fine.\n#pragma once\n"},
  };
}

std::vector<Example> text_examples() {
  return {
      {"MachinePath", "README.md", "machine-path", "cd /work/checkout\n",
       "see docs/work/x and $HOME/work/y\n"},
      {"HomePath", "scripts/demo", "machine-path", "cache=/root/.cache\n", "mount /rootfs, root/etc\n"},
      {"DeniedPhrase", "README.md", "denied-phrase", "Works for now.\n", "Before nowhere, todos.\n"},
      {"DeniedPhraseInComment", "store/a.cpp", "denied-phrase", "int a;  // TODO: later\n",
       "int mastodon;\n"},
      {"TrailingBlank", "README.md", "whitespace", "a \n", "a\n\nb\n"},
  };
}

std::string name_of(const testing::TestParamInfo<Example>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Includes, Rule, testing::ValuesIn(include_examples()), name_of);
INSTANTIATE_TEST_SUITE_P(Tokens, Rule, testing::ValuesIn(token_examples()), name_of);
INSTANTIATE_TEST_SUITE_P(Coroutines, Rule, testing::ValuesIn(coroutine_examples()), name_of);
INSTANTIATE_TEST_SUITE_P(Layout, Rule, testing::ValuesIn(layout_examples()), name_of);
INSTANTIATE_TEST_SUITE_P(Text, Rule, testing::ValuesIn(text_examples()), name_of);

TEST(Allowance, SilencesItsLineOrTheNextLineOfCode) {
  EXPECT_EQ(listed(findings("store/a.cpp", "double a;  // tidy: allow double: a ratio, not money\n")), "");
  EXPECT_EQ(listed(findings("store/a.cpp",
                            "// tidy: allow double: a ratio of lookups,\n// not money\n\ndouble a;\n")),
            "");
}

TEST(Allowance, DoesNotReachFurther) {
  const auto all =
      findings("store/a.cpp", "double a;  // tidy: allow double: a ratio, not money\ndouble b;\n");
  ASSERT_EQ(all.size(), 1U) << listed(all);
  EXPECT_EQ(all[0].line, 2U);
}

TEST(Allowance, NeedsAReasonAKnownRuleAndSomethingToSilence) {
  EXPECT_TRUE(fires(findings("store/a.cpp", "double a;  // tidy: allow double\n"), "allowance"));
  EXPECT_TRUE(fires(findings("store/a.cpp", "double a;  // tidy: allow double: ok\n"), "allowance"));
  EXPECT_TRUE(
      fires(findings("store/a.cpp", "int a;  // tidy: allow dobule: a ratio, not money\n"), "allowance"));
  EXPECT_TRUE(
      fires(findings("store/a.cpp", "int a;  // tidy: allow double: a ratio, not money\n"), "allowance"));
}

TEST(Allowance, InAStringIsNotOne) {
  EXPECT_TRUE(fires(findings("store/a.cpp", "double a = f(\"tidy: allow double: a ratio, not money\");\n"),
                    "double"));
}

TEST(Source, CommentsAndLiteralsAreNotCode) {
  const auto source =
      SourceText::parse("a.cpp", "int a; // b\nauto s = \"c\\\"d\"; /* e\nf */ char g = 'h';\n");
  EXPECT_EQ(source.code, "int a;     \nauto s = \"    \";     \n     char g = ' ';\n");
  EXPECT_EQ(source.comments.substr(7, 4), "// b");
  EXPECT_EQ(source.line_of(source.text.find("char")), 3U);
}

TEST(Source, RawStringsAndDigitSeparatorsEndWhereTheyShould) {
  const auto source =
      SourceText::parse("a.cpp", "auto s = R\"x(a \" // )\" b)x\"; int n = 1'000'000; // c\n");
  EXPECT_NE(source.code.find("int n = 1'000'000;"), std::string::npos) << source.code;
  EXPECT_EQ(source.code.find("// )"), std::string::npos) << source.code;
}

TEST(Places, StarsMatchAnyRun) {
  EXPECT_TRUE(matches("store/*.cpp", "store/keys.cpp"));
  EXPECT_FALSE(matches("store/*.cpp", "store/keys.hpp"));
  EXPECT_TRUE(matches("sync/engine/task_group*", "sync/engine/task_group.hpp"));
  EXPECT_FALSE(any_matches("a b", "c"));
}

TEST(Findings, SayFileLineRuleTextAndFix) {
  const auto all = findings("store/a.cpp", "\nstd::stod(x);\n");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(to_line(all[0]).starts_with("store/a.cpp:2: double: stod is not allowed here: "))
      << to_line(all[0]);
}

}  // namespace
}  // namespace syncd::tidy
