#include "tests/sim/fault_table.hpp"

#include <algorithm>
#include <cstdio>

#include "tests/sim/invariants.hpp"
#include "tests/sim/settings.hpp"

namespace syncd::test {

namespace {

using enum Hazard;

constexpr FaultRow table[] = {
    {"S-1", crash, "the process dies at a moment of its own choice", "restart after a crash", 500},
    {"S-1", crash, "... with a request in flight", "crash with a request in flight", 170},
    {"S-1", crash, "... with a commit handed over", "crash with a commit not yet written", 120},
    {"S-1", crash, "... with a commit written and not told of", "crash between a commit and its answer", 100},
    {"S-1", crash, "... with some pages of a drain committed", "crash in the middle of a drain", 34},
    {"S-2", power_cut, "the round under way to the disk is found written whole, or not at all", "power cut",
     240},
    {"S-2", power_cut, "... and found", "power cut finds a commit that nobody was told of", 13},
    {"S-2", power_cut, "... and lost", "power cut loses a commit under way", 50},
    {"S-5", store_fails_before, "the store reports an error; nothing was written",
     "store fails before a commit is written", 510},
    {"S-5", store_fails_after, "the store reports an error; the commit was written",
     "store fails after a commit is written", 510},
    {"S-5", std::nullopt, "... for all commits that share its round", "a round of several commits fails", 13},
    {"S-5", std::nullopt, "the process stops itself after it", "restart after the store failed", 1000},
    {"S-12", older_copy, "an older copy of the store is put back", "older copy put back", 44},
    {"S-12", older_copy, "... that had shown less to consumers", "new feed epoch", 13},
    {"S-13", clean_stop, "a stop between two acts", "restart after a clean stop", 230},
    {"S-13", clean_stop, "a stop at any await, with five seconds of grace", "stop with patience", 370},
    {"S-13", clean_stop, "... with none, as after a second signal", "stop without patience", 370},
    {"S-13", clean_stop, "... with a request in flight", "stop with a request in flight", 76},
    {"S-13", clean_stop, "... with a commit handed over", "stop with a commit not yet written", 56},
    {"S-13", clean_stop, "... with a commit written and not told of", "stop between a commit and its answer",
     44},
    {"S-13", clean_stop, "... in the middle of a drain", "stop in the middle of a drain", 13},
    {"S-1", crash, "... in the middle of a repair", "crash in the middle of a repair", 110},
    {"S-13", clean_stop, "... in the middle of a repair", "stop in the middle of a repair", 28},
    {"S-1", crash, "... in the second in which a budget was used up", "crash with a budget just spent", 41},
    {"S-13", clean_stop, "... in the second in which a budget was used up", "stop with a budget just spent",
     13},
    {"S-14", reload, "policy and budgets change under what is running", "reload", 240},
    {"S-21", long_stop, "off for one day to a week", "stopped for days", 82},
    {"T-1", clock_forward, "the wall clock jumps forward by up to an hour, days, years",
     "clock jumps forward", 250},
    {"T-2", clock_back, "the wall clock jumps back by up to days, or is put right", "clock jumps back", 240},
    {"T-2", clock_back, "... and the process starts anew at once",
     "restart behind a clock that was put right", 13},
    {"T-1, T-2", std::nullopt, "... and the process dies or stops within the hour",
     "restart while the clock has just jumped", 120},
    {"T-1", std::nullopt, "... and dies within the hour after it was put forward",
     "crash while the clock was just put forward", 130},
    {"T-3", suspend, "the steady clock stands still for up to three days", "suspend and resume", 250},
    {"T-3", suspend, "... and kept sockets are dead", "socket dead after a suspend", 330},
    {"T-4", boot_in_1970, "the wall clock starts in 1970 and is put right later", "boot in 1970", 240},
    {"T-4", boot_in_1970, "... until when no certificate is valid", "certificate from the future", 420},
    {"N-1", dns_failure, "the name is not resolved", "name not resolved", 210},
    {"N-2", refused, "the connection is refused", "connection refused", 220},
    {"N-2", connect_timeout, "nobody answers the first packet", "connect timed out", 400},
    {"N-3", stale_connection, "a kept connection turns out closed", "connection found closed", 1100},
    {"N-3", silent_peer, "the request arrives, no answer comes", "peer silent after the request", 850},
    {"N-3", refused, "the connection breaks before the request is out",
     "connection broken before the request", 1100},
    {"N-4", slow_answer, "the answer trickles in until the deadline", "answer trickles in", 840},
    {"N-4", latency, "upstream takes up to 40 s", "fault: latency", 860},
    {"N-4", latency, "... and longer than the first byte may take", "answer too late", 290},
    {"N-5", answer_lost, "the request arrives, the connection is reset", "answer lost", 1400},
    {"N-5", cut, "the connection closes in the middle of the body", "fault: cut", 500},
    {"N-5", reset, "upstream resets the connection", "fault: reset", 520},
    {"N-5", close, "upstream closes the connection", "fault: close", 490},
    {"N-6", tls_failure, "the handshake fails", "TLS handshake failed", 220},
    {"N-7", bad_framing, "the transport refuses the framing", "answer badly framed", 670},
    {"N-8", compressed_answer, "the transport refuses the encoding", "answer compressed", 740},
    {"N-9", redirect, "301, 302, 303, 307, 308", "redirect", 560},
    {"N-10", malformed, "a page of HTML with status 200", "200 that is not JSON", 13},
    {"J-1..J-4, J-6, J-7", malformed, "18 ways to spoil a body", "fault: malformed", 980},
    {"J-5", std::nullopt, "states, errors and types that nobody has documented", "unknown word in an answer",
     4200},
    {"J-8", large_pages, "answers over the limit until the page size has shrunk", "answer too large", 310},
    {"U-1", expired_token, "401 though the token is young", "fault: expired_token", 1000},
    {"U-1", tokens_end, "all tokens end", "tokens ended", 230},
    {"U-2", wrong_secret, "the secret is not accepted", "secret changed", 230},
    {"U-2", unauthorized, "401 without another reason", "fault: unauthorized", 490},
    {"U-2", std::nullopt, "... which stops everything until it works again", "credentials refused", 1000},
    {"U-3", unauthorized_access, "401 about one link", "fault: unauthorized_access", 470},
    {"U-3", forbidden, "403 about one link", "fault: forbidden", 420},
    {"U-3", access, "a link is not ours, or not to be read", "access changed", 100},
    {"U-4", deleted, "a link is deleted", "link deleted", 220},
    {"U-4", not_found, "404 for a feed whose link exists", "fault: not_found", 400},
    {"U-5", odd_status, "400, 409, 415, 418, 431, 451 without a body of upstream", "odd status 4xx", 550},
    {"U-6", link_reset, "a link needs its owner", "link reset", 240},
    {"U-6", bad_state, "422 with every code there is", "fault: bad_state", 480},
    {"U-7", link_error, "every error code there is, one of them unknown", "link in error: payment_error", 13},
    {"U-8", throttle, "429", "fault: throttle", 2000},
    {"U-8", throttle, "... with seconds", "429 with Retry-After: seconds", 410},
    {"U-8", throttle, "... with a date, also past ones and absurd ones", "429 with Retry-After: date", 370},
    {"U-8", throttle, "... with a negative number", "429 with Retry-After: negative", 61},
    {"U-8", throttle, "... with words or nothing", "429 with Retry-After: unusable", 500},
    {"U-9", status_5xx, "500, 502, 503, 504, 520, 599", "answer 5xx", 1000},
    {"U-9", status_5xx, "... with a time to come back", "503 with Retry-After", 50},
    {"U-9", outage, "an institution is down", "outage begins or ends", 120},
    {"U-9", std::nullopt, "... which is one incident of all its links", "incident opened", 20},
    {"", std::nullopt, "... and its end is found out", "incident ramps", 5},
    {"", std::nullopt, "... also when it was not the end", "incident relapsed", 1},
    {"U-9", std::nullopt, "... also over a restart", "incident goes on after a restart", 20},
    {"U-10", cursors_end, "every cursor of a link ends", "cursors ended", 220},
    {"U-10", refuse_cursor, "a good cursor is refused", "fault: refuse_cursor", 230},
    {"U-10", std::nullopt, "... and the history is read anew", "resync", 520},
    {"U-11", endless, "has_more for ever", "fault: endless", 140},
    {"U-12", repeat_cursor, "has_more with the cursor that was sent", "fault: repeat_cursor", 230},
    {"U-12", cyclic_cursor, "has_more in a circle", "fault: cyclic_cursor", 240},
    {"U-13", bad_cursor, "null, empty, absent, a number, a megabyte", "fault: bad_cursor", 240},
    {"U-14", std::nullopt, "a page that was answered is asked for again", "page asked for again", 23700},
    {"U-15", repeated_rows, "rows twice in a list, first in an outdated form", "fault: repeated_rows", 2100},
    {"U-16", odd_lists, "updated without created, removed without either", "fault: odd_lists", 1800},
    {"U-17", std::nullopt, "pending rows spread over pages", "pending rows staged", 410},
    {"U-18", std::nullopt, "an account vanishes", "account gone", 600},
    {"U-18", std::nullopt, "... and returns", "account returned", 170},
    {"U-19", std::nullopt, "a transaction moves to another account", "row moved to another account", 760},
    {"U-19", new_accounts, "a relink brings all rows under new ids", "link relinked with new accounts", 98},
    {"U-20", act_in_flight, "deleted, reset, relinked, cursors ended while a page is in flight",
     "something happens while a page is in flight", 400},
    {"U-20", operator_acts, "an operator acts while a page is being committed",
     "operator acts at a page's commit", 990},
    {"U-20", std::nullopt, "... so that one of the two is refused", "commit refused by the fence", 540},
    {"U-21", flapping, "a link expires and is mended up to a dozen times", "link flaps", 110},
    {"U-22", relink, "the owner mends the link", "link relinked by its owner", 370},
    {"U-22", new_link_id, "the owner comes back under a new link id", "link relinked under a new id", 100},
    {"U-23", wrong_link, "the answer is about another link", "fault: wrong_link", 460},
    {"U-25", replica_lag, "the page of a replica that has not seen the last refresh", "fault: replica_lag",
     1100},
    {"U-26", all_down, "nothing upstream is reached for up to a week", "all upstream down for days", 61},
    {"", added, "links come", "link added", 110},
    {"", operator_acts, "an operator pauses", "operator pauses", 520},
    {"", operator_acts, "... resumes", "operator resumes", 520},
    {"", operator_acts, "... asks to sync now", "operator asks to sync now", 540},
    {"S-4", disk_full, "the disk is nearly full for minutes up to two hours", "disk full", 160},
    {"S-4", disk_full, "... with a request in flight", "disk full with a request in flight", 55},
    {"S-4", disk_full, "... in the middle of a drain", "disk full in the middle of a drain", 15},
    {"S-4", disk_full, "... in the middle of a repair", "disk full in the middle of a repair", 33},
    {"S-4", disk_full, "... and the process starts", "start with a full disk", 25},
    {"S-4", disk_full, "... which ends what is verified", "verify: incomplete: hold", 28},
    {"S-5", store_read_fails, "a link is not read", "store fails a read: a link", 120},
    {"S-5", store_read_fails, "rows are not read", "store fails a read: rows", 80},
    {"S-5", store_read_fails, "the audit does not read its place", "store fails a read: a note", 13},
    {"S-5", store_read_fails, "... nor which link is next", "store fails a read: the next link", 13},
    {"S-5", store_read_fails, "... nor writes its result", "store fails a note: of a verify", 13},
    {"S-5", store_read_fails, "a window of upstream's is not written", "store fails a note: a window", 13},
    {"S-5", store_read_fails, "... in the middle of a visit or a verify",
     "a visit or a verify meets a read that fails", 160},
    {"S-5", store_read_fails, "... in the middle of an operator's act",
     "an operator's act meets a read that fails", 25},
    {"", verify, "an operator verifies", "operator verifies: accepted", 760},
    {"", std::nullopt, "... which ends with a verdict", "verify: match", 580},
    {"", std::nullopt, "... or with none", "verify: incomplete", 1200},
    {"", std::nullopt, "... because upstream moved", "verify: incomplete: moved", 1},
    {"", repair, "an operator repairs", "operator repairs: accepted", 510},
    {"", std::nullopt, "... which comes to its end", "repair ends", 440},
    {"", std::nullopt, "the audit of a quiet world is judged", "in quiet: the audit is judged", 34},
    {"", dead_letters, "an operator retries a dead letter", "dead letter retried", 13},
    {"", dead_letters, "... of a quarantined link", "dead letter retried: the link leaves the quarantine", 5},
    {"", dead_letters, "... drops one", "dead letter dropped", 13},
    {"U-15", std::nullopt, "a row that was removed is brought back by upstream", "a removed row comes back",
     300},
    {"", dead_letters, "... or means one that is not there", "no such dead letter", 2},
    {"U-21", queue_acts, "a person acts while its link is committed",
     "a person acts on an entry while its link is committed", 13},
    {"A-9", queue_acts, "a person claims an entry", "act: relink.claim", 13},
    {"A-9", queue_acts, "... gives it back", "act: relink.release", 13},
    {"A-9", queue_acts, "... writes a note", "act: relink.note", 13},
    {"A-9", queue_acts, "... dismisses it", "act: relink.dismiss", 13},
    {"A-9", queue_acts, "... opens it again", "act: relink.reopen", 13},
    {"A-9", queue_acts, "... sends a session", "act: relink.session", 13},
    {"A-9", queue_acts, "... and comes too late", "an act on an entry is refused", 13},
    {"A-9", queue_acts, "one request comes twice at once", "the same request comes twice at once", 13},
    {"A-9", queue_acts, "... or two under one key", "another request under the same key", 13},
    {"A-9", purge, "a link is purged", "act: links.purge", 13},
    {"A-9", purge, "... while it is visited", "a link is purged while it is visited", 13},
    {"A-9", purge, "... and ended upstream", "a link is purged and ended upstream", 13},
    {"A-9", purge, "... and registered again", "a purged link is registered again", 13},
    {"W-8", hooks, "upstream tells of news by a webhook, which is stored", "hook: accepted", 13},
    {"W-8", hooks, "... and answered by a visit that asks later", "a hint is answered", 13},
    {"", std::nullopt, "... also behind a restart", "a start with hints that wait", 1},
    {"", std::nullopt, "the process dies while a hint is on its way to the disk",
     "crash with a hint on its way to the disk", 1},
    {"", std::nullopt, "... or its answer on the way to upstream", "hook: its answer is lost", 1},
    {"", std::nullopt, "a hook comes while no process runs", "hook: nobody is there", 1},
    {"W-5", hook_repeated, "a webhook comes twice, late, or behind a later one", "hook: duplicate", 13},
    {"W-8", hook_lost, "a webhook does not come", "hook lost", 13},
    {"W-6", hook_storm, "hundreds of webhooks tell of one link", "hook storm", 13},
    {"", std::nullopt, "more links wait than may", "hook: throttled", 1},
    {"W-7", hook_stranger, "a webhook is about a link that nobody knows", "hook: unknown_link", 13},
    {"", hook_stranger, "... or about one that is not visited", "hook: not_visited", 1},
    {"", std::nullopt, "what a hook tells of in quiet is here within minutes", "in quiet: a hook is followed",
     1},
    {"", damage, "a row of the copy goes wrong: it vanishes", "damage: a row is missing", 41},
    {"", damage, "... nobody else has it", "damage: a row too many", 31},
    {"", damage, "... it says something else", "damage: a row is altered", 47},
    {"", damage, "... or an account does", "damage: an account is altered", 84},
    {"", damage, "... a verify says so", "damage found", 13},
    {"", damage, "... a repair mends it", "damage repaired", 140},
    {"", audit, "the rolling audit goes through the links", "audit: a link had its turn", 2100},
    {"", audit, "... from the last to the first again", "audit: a round ends", 370},
    {"", audit, "... and verifies", "verify: by the audit", 980},
    {"", std::nullopt, "the lists of links are compared", "lists of links compared", 2100},
    {"", std::nullopt, "somebody reads the rows and the feed between two events", "look at any moment", 540},
    {"", std::nullopt, "ordinary load", "commit", 100000},
    {"", std::nullopt, "... waits for a round and shares its write", "commits share a round", 700},
    {"U-20", std::nullopt, "... of which the fence refuses some",
     "a round is written but for what the fence refuses", 25},
    {"", std::nullopt, "", "request", 106800},
    {"", std::nullopt, "", "feed entries read", 192300},
    {"", std::nullopt, "", "cycle yielded", 3600},
    {"", std::nullopt, "", "page in the middle of a drain", 7200},
    {"", std::nullopt, "", "link quarantined", 150},
    {"", std::nullopt, "", "status turns quarantined", 100},
    {"", std::nullopt, "", "relink entry resolved", 1000},
    {"", std::nullopt, "", "row removed", 17300},
    {"", std::nullopt, "", "row updated", 13400},
    {"U-6, U-7", link_error, "", "link in error: auth_expired", 23},
    {"U-6, U-7", link_error, "", "link in error: incomplete", 14},
    {"U-6, U-7", link_error, "", "link in error: institution_error", 13},
    {"U-6, U-7", link_error, "", "link in error: invalid_credentials", 27},
    {"U-6, U-7", link_error, "", "link in error: provider_error", 13},
    {"U-6, U-7", link_error, "", "link in error: system_error", 13},
    {"U-6, U-7", link_error, "", "link in error: user_error", 26},
    {"U-6, U-7", link_error, "", "link in error: user_input_incorrect", 28},
    {"U-6, U-7", link_error, "", "link in error: user_oauth_denied", 26},
    {"U-6, U-7", link_error, "", "link in error: user_setup_required", 29},
    {"U-6", std::nullopt, "the entry says why", "relink opened for auth_expired", 840},
    {"U-6", std::nullopt, "the entry says why", "relink opened for incomplete", 13},
    {"U-6", std::nullopt, "the entry says why", "relink opened for invalid_credentials", 13},
    {"U-6", std::nullopt, "the entry says why", "relink opened for user_error", 13},
    {"U-6", std::nullopt, "the entry says why", "relink opened for user_input_incorrect", 13},
    {"U-6", std::nullopt, "the entry says why", "relink opened for user_oauth_denied", 13},
    {"U-6", std::nullopt, "the entry says why", "relink opened for user_setup_required", 13},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: accounts", 18},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: accounts of a link",
     1600},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: link of a link", 90},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: links", 470},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: sync", 26},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: sync of a link",
     640},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: token", 100},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: introspect", 13},
    {"", std::nullopt, "a budget is used to the last request", "budget used to the last: link", 21},
    {"", std::nullopt, "where links stand when nobody helps", "in quiet: link active", 690},
    {"", std::nullopt, "where links stand when nobody helps", "in quiet: link backoff", 34},
    {"", std::nullopt, "where links stand when nobody helps", "in quiet: link blocked", 43},
    {"", std::nullopt, "where links stand when nobody helps", "in quiet: link gone", 210},
    {"", std::nullopt, "where links stand when nobody helps", "in quiet: link relink", 250},
    {"", std::nullopt, "where links stand when nobody helps", "in quiet: link paused", 18},
    {"", std::nullopt, "", "paused link left alone", 18},
};

// What must occur of each form of a kind, in every `seeds_per_least` seeds.
constexpr std::uint64_t least_of_a_form = 13;

std::vector<std::string> forms() {
  std::vector<std::string> names;
  const auto add = [&](const std::string& kind, const auto& variants) {
    for (const std::string_view variant : variants)
      names.push_back("fault: " + kind + ": " + std::string(variant));
  };
  add("malformed", spoilt_bodies);
  add("bad_cursor", bad_cursors);
  add("throttle", retry_afters);
  for (const std::span<const int> statuses :
       {std::span<const int>(server_statuses), std::span<const int>(odd_statuses),
        std::span<const int>(redirects)}) {
    for (const int status : statuses)
      names.push_back("fault: status: " + std::to_string(status));
  }
  return names;
}

}  // namespace

std::span<const FaultRow> fault_table() {
  return table;
}

std::vector<std::string> shortfalls(const Tally& tally, std::uint64_t seeds) {
  std::vector<std::string> missing;
  const auto expect = [&](const std::string& what, std::uint64_t least) {
    const std::uint64_t times = tally.of(what);
    if (times < least)
      missing.push_back(what + ": " + std::to_string(times) + " times, at least " + std::to_string(least));
  };
  for (const FaultRow& row : table)
    expect(std::string(row.tally), row.least * (seeds / seeds_per_least));
  for (const std::string& form : forms())
    expect(form, least_of_a_form * (seeds / seeds_per_least));
  for (const InvariantInfo& info : invariants())
    expect("looked at " + label(info.invariant), info.least * seeds / 1'000);
  return missing;
}

std::string listing(const Tally& tally) {
  std::string text;
  for (const auto& [what, times] : tally.counts()) {
    char line[32];
    std::snprintf(line, sizeof line, "%9llu  ", static_cast<unsigned long long>(times));
    text += line + what + '\n';
  }
  return text;
}

}  // namespace syncd::test
