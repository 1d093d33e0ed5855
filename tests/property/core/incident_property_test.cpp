#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/core/incident.hpp"
#include "tests/unit/core/incident_world.hpp"

namespace syncd::test {
namespace {

using core::Failing;
using core::Millis;
using core::VisitSign;
using std::chrono::minutes;

constexpr std::uint32_t banks = 6;
constexpr std::uint32_t links_each = 12;

// Two providers with three banks each.
void add_banks(IncidentWorld& world) {
  for (std::uint32_t bank = 0; bank < banks; ++bank)
    world.add("bank" + std::to_string(bank), links_each, bank % 2 == 0 ? "plaid" : "mx");
}

bool of(const core::IncidentView& view, const IncidentWorld::Place& place) {
  if (view.scope == core::IncidentScope::provider) return place.provider == view.name;
  return place.institution == view.name && place.provider == view.provider;
}

// The numbers of a view are those of the marks, and nothing waits without an incident.
void check(const IncidentWorld& world) {
  const auto views = world.incidents.views(world.now);
  std::vector<bool> has_incident(world.links());
  for (const auto& view : views) {
    std::uint64_t links = 0, failing = 0, held = 0;
    for (std::uint32_t link = 0; link < world.links(); ++link) {
      const core::LinkMark& mark = world.marks[link];
      if (mark.group == 0 || !of(view, world.places[link])) continue;
      has_incident[link] = true;
      ++links;
      failing += mark.failing != Failing::no ? 1 : 0;
      held += mark.affected && mark.failing == Failing::owner ? 1 : 0;
    }
    RC_ASSERT(view.links_total == links);
    RC_ASSERT(view.links_failing == failing);
    RC_ASSERT(view.held_back == held);
  }
  for (std::uint32_t link = 0; link < world.links(); ++link) {
    const bool waits = world.incidents.holds(link) || world.held_back(link) || world.marks[link].affected ||
                       world.marks[link].awaited;
    RC_ASSERT(!waits || has_incident[link]);
  }
}

VisitSign any_sign() {
  return *rc::gen::weightedElement<VisitSign>(
      {{3, VisitSign::ok}, {4, VisitSign::outage}, {4, VisitSign::owner}, {1, VisitSign::none}});
}

void any_act(IncidentWorld& world) {
  const auto link = *rc::gen::inRange<std::uint32_t>(0, banks * links_each);
  switch (*rc::gen::inRange(0, 12)) {
    case 0:
      world.pass(minutes(*rc::gen::inRange(0, 40)));
      break;
    case 1:
      world.incidents.forget(link);
      break;
    case 2:
      if (world.incidents.holds(link)) world.incidents.park(link);
      break;
    case 3: {
      const VisitSign sign = any_sign();
      world.run(minutes(*rc::gen::inRange(0, 20)), sign);
      break;
    }
    case 4:
    case 5: {  // a bank goes down or comes back
      const VisitSign sign = any_sign();
      const std::uint32_t bank = link / links_each * links_each;
      const auto count = *rc::gen::inRange<std::uint32_t>(1, links_each + 1);
      world.visit(bank, count, sign);
      break;
    }
    default:
      world.visit(link, any_sign());
      break;
  }
}

RC_GTEST_PROP(IncidentProperty, CountsAreThoseOfTheLinksAndAllEndsWhenAllWorks, ()) {
  IncidentWorld world;
  add_banks(world);
  const int acts = *rc::gen::inRange(0, 80);
  for (int at = 0; at < acts; ++at) {
    any_act(world);
    check(world);
  }
  // From now on everything works: a canary within five minutes, and then the ramp of so few.
  world.run(minutes(20), VisitSign::ok);
  RC_ASSERT(world.incidents.none());
  check(world);
  for (const core::LinkMark& mark : world.marks)
    RC_ASSERT(!mark.affected && !mark.awaited);
  for (const core::LinkMark& mark : world.marks)
    RC_ASSERT(mark.group == 0 || !mark.parked);
}

RC_GTEST_PROP(IncidentProperty, ARestartKeepsEveryIncident, ()) {
  IncidentWorld world;
  add_banks(world);
  const int acts = *rc::gen::inRange(1, 40);
  for (int at = 0; at < acts; ++at)
    any_act(world);
  IncidentWorld later;
  later.now = world.now;
  later.pass(minutes(1));
  for (std::uint32_t link = 0; link < world.links(); ++link)
    later.add(world.places[link].institution, 1, world.places[link].provider, world.marks[link].failing);
  later.incidents.restore(world.incidents.note(), later.now);
  check(later);
  const auto before = world.incidents.views(world.now);
  const auto after = later.incidents.views(later.now);
  RC_ASSERT(before.size() == after.size());
  for (std::size_t at = 0; at < before.size(); ++at) {
    RC_ASSERT(before[at].id == after[at].id && before[at].name == after[at].name);
    RC_ASSERT(before[at].opened_at == after[at].opened_at);
  }
  later.run(minutes(20), VisitSign::ok);
  RC_ASSERT(later.incidents.none());
}

// However they are spread: fewer distinct links of any group than the minimum within each window.
RC_GTEST_PROP(IncidentProperty, TooFewAtATimeAreNone, ()) {
  IncidentWorld world;
  add_banks(world);
  const int acts = *rc::gen::inRange(1, 200);
  std::vector<std::pair<Millis, std::uint32_t>> begun;
  for (int at = 0; at < acts; ++at) {
    world.pass(Millis(*rc::gen::inRange(0, 20 * 60'000)));
    const auto link = *rc::gen::inRange<std::uint32_t>(0, banks * links_each);
    std::erase_if(begun, [&](const auto& each) { return world.now.steady - each.first > minutes(30); });
    std::set<std::uint32_t> distinct{link};
    for (const auto& each : begun)
      distinct.insert(each.second);
    const bool fails = *rc::gen::arbitrary<bool>() && distinct.size() < 5;
    if (fails) begun.emplace_back(world.now.steady, link);
    world.visit(link, fails ? VisitSign::owner : VisitSign::ok);
    RC_ASSERT(world.incidents.none());
  }
}

}  // namespace
}  // namespace syncd::test
