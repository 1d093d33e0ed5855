#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include "store/consumers.hpp"
#include "tests/crash/store/script.hpp"

// Usage: store_writer PATH FILL FILE_BYTES_MAX [cuts]
// Goes on with the script where the store in PATH stands, until it is killed or a commit fails. After each
// commit it writes "c N" to standard output, after each reading of the feed "p HEAD"; at the end "unhealthy"
// when the failed store admits it. FILE_BYTES_MAX above 0 makes every write fail that would make a file
// larger. With `cuts` a consumer follows the feed, which is cut off behind it: after each acknowledgement it
// writes "a SEQUENCE", after each cut "f FIRST".
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

// Every entry is old: only the consumer keeps any.
bool follow_and_cut(store::Store& store, std::uint64_t n) {
  const core::AuditNote act{.actor = "uid:1", .action = "consumers.add"};
  const auto added = store.add_consumer("reader", store::ConsumerStart::first, {}, act);
  if (!added) return false;
  const auto& position = added->look.found->consumer.acknowledged;
  const std::uint64_t behind = n % 40;
  const std::uint64_t to =
      std::max(position.sequence, added->look.feed.head - std::min(added->look.feed.head, behind));
  const auto moved =
      store.move_consumer("reader", {position.epoch, to}, store::ConsumerMove::acknowledge, {}, act);
  if (!moved || moved->outcome != store::MovedConsumer::Outcome::moved) return false;
  say(fmt::format("a {}", to));
  const core::WallTime soon{core::Millis{1}};
  const auto cut = store.cut_feed({.before = soon, .hard_before = {}});
  if (!cut) return false;
  say(fmt::format("f {}", cut->feed.first));
  return true;
}

int run(const std::string& path, std::size_t fill, rlim_t file_bytes_max, bool cuts) {
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
    if (cuts && !follow_and_cut(store, n)) break;
  }
  // The next write would fit on the disk or not: it must be refused either way.
  if (!store.healthy() && !store.put_note("after", "failure")) say("unhealthy");
  return 0;
}

}  // namespace
}  // namespace syncd::test

int main(int argc, char** argv) {
  const bool cuts = argc == 5 && std::string_view(argv[4]) == "cuts";
  if (argc != 4 && !cuts) return 64;
  return syncd::test::run(argv[1], std::stoul(argv[2]), std::stoul(argv[3]), cuts);
}
