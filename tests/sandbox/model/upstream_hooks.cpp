// Hooks: from what links tell to what is sent, and the books about refreshes.
#include <algorithm>

#include "tests/sandbox/model/upstream_impl.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::uint64_t stream_stranger = 0x801;

}  // namespace

HookNews test_news(const Link& link, HookEvent event, TimePoint now, std::string key) {
  HookNews news{.event = event, .at = now, .key = std::move(key)};
  if (event == HookEvent::state_changed) {
    news.state = link_state_name(link.state());
    news.error = link.error_code();
  } else if (event != HookEvent::updates_available) {
    news.product = "transactions";
    news.state = "completed";
  }
  return news;
}

HookFault Upstream::Impl::hook_fault_of(const Link& link) {
  HookFault out;
  if (faults.empty()) {
    return out;
  }
  const FaultDecision decision = faults.decide(FaultContext{Endpoint::hook, link.id(), false, latest_wire});
  if (!decision.rule) {
    return out;
  }
  ++faults_fired;
  const FaultRule& rule = *decision.rule;
  out.name = fault_name(rule.kind);
  out.dark = rule.kind == FaultKind::hook_dark;
  if (rule.kind == FaultKind::hook_other_link) {
    const std::size_t own = number_of(link.id());
    const bool another = rule.variant != "unknown" && links.size() > 1;
    out.other_link = another ? links[(own + 1) % links.size()].id()
                             : make_id("mk_", hash_words(options.seed, stream_stranger, own, 1),
                                       hash_words(options.seed, stream_stranger, own, 2));
  }
  return out;
}

std::string Upstream::Impl::tell(Link& link, const HookNews& news, bool forced) {
  const HookAddress to{link.id(), *link.webhook(), &link.spec().tags, link.next_hook_draw()};
  return hooks.tell(to, news, hook_fault_of(link), forced);
}

void Upstream::Impl::heard(Link& link, const HookNews& news) {
  tell(link, news, false);
}

void Upstream::Impl::refreshed(RefreshNote note) {
  note.number = ++refresh_numbers;
  if (options.refreshes_kept == 0) {
    return;
  }
  if (refresh_notes.size() >= options.refreshes_kept) {
    refresh_notes.pop_front();
  }
  refresh_notes.push_back(std::move(note));
}

void Upstream::Impl::due(std::uint32_t number, TimePoint at) {
  if (at != TimePoint::max()) {
    agenda.emplace(at, number);
  }
}

void Upstream::Impl::settle_hooked(TimePoint now) {
  while (!agenda.empty() && agenda.top().first <= now) {
    const std::uint32_t number = agenda.top().second;
    agenda.pop();
    links[number].settle(now);
  }
}

std::vector<HookDelivery> Upstream::due_hooks(TimePoint now, TimePoint wire_now, std::size_t most) {
  impl_->latest_wire = std::max(impl_->latest_wire, wire_now);
  impl_->settle_hooked(impl_->forward(now));
  return impl_->hooks.due(impl_->latest, impl_->latest_wire, most);
}

void Upstream::hook_answered(std::uint64_t number, int status, TimePoint now) {
  impl_->hooks.answered(number, status, impl_->forward(now));
}

void Upstream::hook_refused(std::uint64_t number, std::string problem) {
  impl_->hooks.refused(number, std::move(problem));
}

std::optional<TimePoint> Upstream::next_hook() const {
  const auto waiting = impl_->hooks.next_due();
  if (impl_->agenda.empty()) {
    return waiting;
  }
  return std::min(impl_->agenda.top().first, waiting.value_or(TimePoint::max()));
}

bool Upstream::send_hooks(std::string_view link_id, HookEvent event, std::uint32_t count, TimePoint now) {
  Link* const link = impl_->settled_link(link_id, now);
  if (link == nullptr || !link->webhook()) {
    return false;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    impl_->tell(*link, test_news(*link, event, impl_->latest, ""), true);
  }
  return true;
}

bool Upstream::set_webhook(std::string_view link_id, std::optional<std::string> webhook, TimePoint now) {
  Link* const link = impl_->settled_link(link_id, now);
  if (link != nullptr) {
    link->set_webhook(std::move(webhook));
  }
  return link != nullptr;
}

HookDesk& Upstream::hooks() {
  return impl_->hooks;
}

bool Upstream::set_refresh_hours(std::string_view institution_id, std::uint32_t from, std::uint32_t to) {
  if (find_institution(institution_id) == nullptr) {
    return false;
  }
  impl_->refresh_hours.insert_or_assign(std::string(institution_id), Impl::Hours{from, to});
  return true;
}

std::vector<RefreshNote> Upstream::refreshes(std::uint64_t after, std::size_t count, TimePoint now) {
  advance(now);
  std::vector<RefreshNote> out;
  for (const RefreshNote& note : impl_->refresh_notes) {
    if (note.number > after && out.size() < count) {
      out.push_back(note);
    }
  }
  return out;
}

}  // namespace syncd::sandbox
