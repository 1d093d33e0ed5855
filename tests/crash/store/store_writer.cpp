#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tests/crash/store/script.hpp"

// Usage: store_writer PATH FILL FILE_BYTES_MAX
// Goes on with the script where the store in PATH stands, until it is killed or a commit fails. After each
// commit it writes "c N" to standard output, after each reading of the feed "p HEAD"; at the end "unhealthy"
// when the failed store admits it. FILE_BYTES_MAX above 0 makes every write fail that would make a file
// larger.
namespace syncd::test {
namespace {

void say(const std::string& line) {
  const auto text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::_Exit(3);
}

std::uint64_t calls_done(store::Store& store) {
  std::uint64_t steps = 0;
  for (int link = 0; link < script::links; ++link) {
    const auto record = store.load(core::LinkId{script::link_name(link)});
    if (record && *record) steps += std::stoull((*record)->cursor->text);
  }
  return steps / script::links_per_call;
}

bool call(store::Store& store, std::uint64_t n, std::size_t fill) {
  std::vector<core::LinkUpdate> updates;
  for (const int link : script::links_of_call(n)) {
    updates.push_back(script::step(link, script::steps_after(n, link), fill));
  }
  std::vector<const core::LinkUpdate*> pointers;
  for (const auto& update : updates)
    pointers.push_back(&update);
  const auto outcomes = store.commit(pointers);
  if (!outcomes) return false;
  for (const auto outcome : *outcomes) {
    if (outcome != store::CommitOutcome::committed) std::_Exit(4);
  }
  return true;
}

int run(const std::string& path, std::size_t fill, rlim_t file_bytes_max) {
  auto options = script::options(path);
  if (file_bytes_max > 0) options.write_buffer_bytes = 16 << 20;
  auto opened = store::Store::open(options);
  if (!opened) {
    std::fputs((opened.error().message + "\n").c_str(), stderr);
    return 2;
  }
  auto& store = **opened;
  if (file_bytes_max > 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = file_bytes_max, .rlim_max = file_bytes_max};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 5;
  }
  auto n = calls_done(store);
  while (call(store, n + 1, fill)) {
    ++n;
    say(fmt::format("c {}", n));
    if (n % 5 != 0) continue;
    const auto slice = store.feed(store.stats().feed_head, 1);
    if (!slice) break;
    say(fmt::format("p {}", slice->head));
  }
  // The next write would fit on the disk or not: it must be refused either way.
  if (!store.healthy() && !store.put_note("after", "failure")) say("unhealthy");
  return 0;
}

}  // namespace
}  // namespace syncd::test

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  return syncd::test::run(argv[1], std::stoul(argv[2]), std::stoul(argv[3]));
}
