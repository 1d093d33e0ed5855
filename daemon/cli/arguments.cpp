#include "daemon/cli/arguments.hpp"

#include <algorithm>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "daemon/cli/argument_checks.hpp"
#include "daemon/cli/backup_commands.hpp"
#include "daemon/cli/completion.hpp"
#include "daemon/cli/continuity.hpp"
#include "daemon/cli/grammar.hpp"
#include "daemon/cli/help_texts.hpp"
#include "daemon/cli/manual.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/cli/webhook_commands.hpp"
#include "daemon/exit_codes.hpp"
#include "sync/core/freshness_forecast.hpp"

namespace syncd::cli {

namespace {

// Every verb takes --json; `command` runs when the verb was given.
CLI::App* add_verb(CLI::App& parent, const char* name, const char* help, Options& options, Command& chosen,
                   Command command) {
  CLI::App* verb = parent.add_subcommand(name, help);
  verb->add_flag("--json", options.json, "Print JSON, for programs");
  verb->callback([&chosen, command = std::move(command)] { chosen = command; });
  return verb;
}

void add_link_argument(CLI::App* verb, Options& options) {
  verb->add_option("LINK", options.link_id, "Link id; links ls prints them")->required()->check(valid_id);
}

void add_dry_run(CLI::App* verb, Options& options) {
  verb->add_flag("--dry-run", options.dry_run, "Say what would happen and change nothing");
}

// For a verb that asks first, see confirm().
void add_yes(CLI::App* verb, Options& options) {
  verb->add_flag("--yes,-y", options.confirmed, "Do not ask");
}

CLI::App* add_link_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* links = app.add_subcommand("links", "The links that are kept current");
  links->require_subcommand(1);
  CLI::App* ls = add_verb(*links, "ls", "List all links", o, chosen,
                          [&](const Session& s) { return list_links(s, o.state, o.search); });
  auto* which = ls->add_option_group("which");
  which->require_option(0, 1);
  which->add_option("--state", o.state, "Only links of this status")
      ->check(CLI::IsMember({"active", "backoff", "relink", "blocked", "quarantined", "paused", "gone"}));
  which->add_option("--search", o.search, "Only links whose id, or whose user's id, begins so")
      ->check(text_up_to(core::id_bytes_max));
  add_link_argument(add_verb(*links, "show", "Show one link", o, chosen,
                             [&](const Session& s) { return show_link(s, o.link_id); }),
                    o);
  CLI::App* add = add_verb(*links, "add", "Register a link; it is synced at once", o, chosen,
                           [&](const Session& s) { return add_link(s, o.add); });
  add->add_option("LINK", o.add.link_id, "Link id")->required()->check(valid_id);
  add->add_option("--user", o.add.customer_user_id, "Your id of the user whose link it is")->check(valid_id);
  add->add_option("--tag", o.add.tags, "A word to find it by; may be repeated")->check(not_empty);
  add_dry_run(add, o);
  CLI::App* sync = add_verb(*links, "sync", "Visit a link now, inside the budgets", o, chosen,
                            [&](const Session& s) { return sync_link(s, o.link_id, o.wait); });
  add_link_argument(sync, o);
  sync->add_option("--wait", o.wait, "Wait for the result, for example 30s (60s at most)")->check(valid_wait);
  add_dry_run(sync, o);
  CLI::App* refresh = add_verb(*links, "refresh", "Have a link's bank asked anew, which may cost money", o,
                               chosen, [&](const Session& s) { return refresh_link(s, o.refresh); });
  refresh->add_option("LINK", o.refresh.link_id, "Link id; links ls prints them")
      ->required()
      ->check(valid_id);
  refresh->add_option("--product", o.refresh.products, "Only this; may be repeated")
      ->check(CLI::IsMember({"accounts", "transactions"}));
  refresh->footer("Exit code: 0 something was asked for, 1 nothing was.");
  add_yes(refresh, o);
  add_dry_run(refresh, o);
  CLI::App* pause = add_verb(*links, "pause", "Stop visiting a link", o, chosen,
                             [&](const Session& s) { return pause_link(s, o.link_id); });
  add_link_argument(pause, o);
  add_dry_run(pause, o);
  CLI::App* resume = add_verb(*links, "resume", "Visit a paused link again", o, chosen,
                              [&](const Session& s) { return resume_link(s, o.link_id); });
  add_link_argument(resume, o);
  add_dry_run(resume, o);
  CLI::App* purge =
      add_verb(*links, "purge", "Take away everything that is stored of a link", o, chosen,
               [&](const Session& s) { return purge_link(s, {.link_id = o.link_id, .unlink = o.unlink}); });
  add_link_argument(purge, o);
  purge->add_flag("--unlink", o.unlink, "End it at MoneyKit first, for good");
  add_yes(purge, o);
  add_dry_run(purge, o);
  return links;
}

void add_consumer_verbs(CLI::App& feed, Options& o, Command& chosen) {
  CLI::App* consumers = feed.add_subcommand("consumers", "Who follows the feed, and how far");
  consumers->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, Command command) {
    CLI::App* verb = add_verb(*consumers, name, help, o, chosen, std::move(command));
    verb->add_option("CONSUMER", o.consumer.name, "Its name: a-z, 0-9, '.', '_' and '-'")
        ->required()
        ->check(valid_consumer_name);
    return verb;
  };
  const auto add_move = [&](const char* name, const char* help, Command command) {
    CLI::App* verb = add(name, help, std::move(command));
    verb->add_option("TO", o.consumer.to, "A sequence of the feed, or head")
        ->required()
        ->check(valid_sequence);
    verb->add_option("--epoch", o.consumer.epoch, "Its epoch; without: the present one")->check(whole_number);
    add_dry_run(verb, o);
  };
  add_verb(*consumers, "ls", "List all consumers", o, chosen,
           [](const Session& s) { return list_consumers(s); });
  add("show", "Show one consumer", [&](const Session& s) { return show_consumer(s, o.consumer.name); });
  CLI::App* create = add("add", "Add a consumer: the feed is kept for it from now on",
                         [&](const Session& s) { return add_consumer(s, o.consumer); });
  create->add_option("--from", o.consumer.from, "Behind all that there is, or in front of it")
      ->check(CLI::IsMember({"head", "start"}))
      ->capture_default_str();
  add_dry_run(create, o);
  add_move("ack", "Say that everything up to a sequence is applied",
           [&](const Session& s) { return acknowledge_changes(s, o.consumer); });
  add_move("reset", "Put a consumer anywhere, for one that began anew with the rows",
           [&](const Session& s) { return reset_consumer(s, o.consumer); });
  CLI::App* remove =
      add("rm", "Forget a consumer", [&](const Session& s) { return remove_consumer(s, o.consumer.name); });
  add_yes(remove, o);
  add_dry_run(remove, o);
}

void add_reading_verbs(CLI::App& app, Options& o, Command& chosen) {
  add_verb(app, "status", "What the daemon is doing", o, chosen,
           [](const Session& s) { return show_status(s); });
  add_link_argument(add_verb(app, "accounts", "List a link's accounts and balances", o, chosen,
                             [&](const Session& s) { return list_accounts(s, o.link_id); }),
                    o);
  CLI::App* transactions =
      add_verb(app, "transactions", "List a link's transactions", o, chosen,
               [&](const Session& s) { return list_transactions(s, o.link_id, o.limit); });
  add_link_argument(transactions, o);
  transactions->add_option("--limit", o.limit, "At most this many; 0: all")
      ->check(whole_number)  // the conversion would turn -1 into the largest number
      ->capture_default_str();
  add_verb(app, "incidents", "Institutions and providers whose links fail together", o, chosen,
           [](const Session& s) { return list_incidents(s); });
  CLI::App* feed = app.add_subcommand("feed", "The change feed");
  feed->require_subcommand(1);
  CLI::App* tail = add_verb(*feed, "tail", "Print the last changes", o, chosen,
                            [&](const Session& s) { return tail_feed(s, o.after, o.follow); });
  tail->add_option("--after", o.after, "Begin behind this sequence instead")->check(whole_number);
  tail->add_flag("--follow,-f", o.follow, "Go on until interrupted");
  CLI::App* of_link =
      add_verb(*feed, "link", "Print the last changes of one link, newest first", o, chosen,
               [&](const Session& s) { return list_link_feed(s, o.link_id, o.entries_limit); });
  add_link_argument(of_link, o);
  of_link->add_option("--limit", o.entries_limit, "At most this many; 0: all")
      ->check(whole_number)
      ->capture_default_str();
  add_consumer_verbs(*feed, o, chosen);
}

void add_relink_list(CLI::App& relink, Options& o, Command& chosen) {
  CLI::App* ls = add_verb(relink, "ls", "List the relink queue, oldest first", o, chosen,
                          [&](const Session& s) { return list_relinks(s, o.relinks); });
  ls->add_option("--status", o.relinks.status,
                 "live (open, claimed or session_issued), one of these, resolved or all")
      ->check(CLI::IsMember({"live", "open", "claimed", "session_issued", "resolved", "all"}))
      ->capture_default_str();
  ls->add_option("--institution", o.relinks.institution, "Only of this institution")
      ->check(text_up_to(core::id_bytes_max));
  ls->add_option("--reason", o.relinks.reason, "Only for this reason")->check(text_up_to(core::id_bytes_max));
  ls->add_option("--assignee", o.relinks.assignee, "Only those somebody works on")
      ->check(text_up_to(core::relink_assignee_bytes_max));
  ls->add_option("--search", o.relinks.search, "Only links whose id, or whose user's id, begins so")
      ->check(text_up_to(core::id_bytes_max));
  ls->add_flag("--newest", o.relinks.newest_first, "Newest first");
  ls->add_option("--limit", o.relinks.limit, "At most this many; 0: all")
      ->check(whole_number)
      ->capture_default_str();
}

void add_relink_verbs(CLI::App& app, Options& o, Command& chosen) {
  using Kind = core::RelinkRequest::Kind;
  CLI::App* relink = app.add_subcommand("relink", "The links that need their owner");
  relink->require_subcommand(1);
  add_relink_list(*relink, o, chosen);
  add_link_argument(add_verb(*relink, "show", "Show one entry with its history", o, chosen,
                             [&](const Session& s) { return show_relink(s, o.link_id); }),
                    o);
  add_link_argument(add_verb(*relink, "continuity", "Show what the last relink did to a link's data", o,
                             chosen, [&](const Session& s) { return show_continuity(s, o.link_id); }),
                    o);
  const auto add_act = [&](const char* name, const char* help, Kind kind) {
    CLI::App* verb = add_verb(*relink, name, help, o, chosen, [&o, kind](const Session& s) {
      o.relink_act.kind = kind;
      return act_on_relink(s, o.relink_act);
    });
    verb->add_option("LINK", o.relink_act.link_id, "Link id; relink ls prints them")
        ->required()
        ->check(valid_id);
    verb->add_option("--version", o.relink_act.version,
                     "Only if the entry still has this version; without: whatever it has now")
        ->check(whole_number);
    add_dry_run(verb, o);
    return verb;
  };
  CLI::App* claim = add_act("claim", "Say that you, or somebody, works on an entry", Kind::claim);
  claim->add_option("--for", o.relink_act.assignee, "Who works on it, instead of you")
      ->check(text_up_to(core::relink_assignee_bytes_max));
  claim->add_flag("--take-over", o.relink_act.take_over, "Also from somebody else");
  CLI::App* release = add_act("release", "Say that nobody works on an entry", Kind::release);
  release->add_flag("--take-over", o.relink_act.take_over, "Also what somebody else works on");
  CLI::App* note = add_act("note", "Write a note into an entry's history", Kind::note);
  note->add_option("TEXT", o.relink_act.text, "The note")
      ->required()
      ->check(text_up_to(core::relink_text_bytes_max));
  CLI::App* dismiss = add_act("dismiss", "Close an entry although its link still waits", Kind::dismiss);
  dismiss->add_option("--reason", o.relink_act.text, "Why, for its history")
      ->check(text_up_to(core::relink_text_bytes_max));
  add_yes(dismiss, o);
  add_act("reopen", "Open an entry that was dismissed", Kind::reopen);
  CLI::App* session =
      add_verb(*relink, "session", "Make a session with which the owner reconnects the link", o, chosen,
               [&](const Session& s) { return issue_relink_session(s, o.relink_session); });
  session->add_option("LINK", o.relink_session.link_id, "Link id; relink ls prints them")
      ->required()
      ->check(valid_id);
  session
      ->add_option("--version", o.relink_session.version,
                   "Only if the entry still has this version; without: whatever it has now")
      ->check(whole_number);
  session
      ->add_option("--redirect-uri", o.relink_session.redirect_uri,
                   "Where the browser goes afterwards, instead of the configured address")
      ->check(not_empty);
  session->add_flag("--force", o.relink_session.force, "Also while the bank is down");
  add_dry_run(session, o);
}

void add_session_verbs(CLI::App& app, CLI::App& links, Options& o, Command& chosen) {
  CLI::App* sessions = app.add_subcommand("sessions", "Sessions for new links");
  sessions->require_subcommand(1);
  CLI::App* create = add_verb(*sessions, "create", "Make a session with which a user connects a bank", o,
                              chosen, [&](const Session& s) { return issue_session(s, o.new_session); });
  create->add_option("--user", o.new_session.customer_user_id, "Your id of the user, 4 to 150 characters")
      ->required()
      ->check(not_empty);
  create->add_option("--institution", o.new_session.institution_id, "Skip the choice of the bank")
      ->check(not_empty);
  create
      ->add_option("--redirect-uri", o.new_session.redirect_uri,
                   "Where the browser goes afterwards, instead of the configured address")
      ->check(not_empty);
  create->add_option("--webhook", o.new_session.webhook, "Where upstream sends events of the link")
      ->check(not_empty);
  create->add_option("--tag", o.new_session.tags, "A tag of the link; may be repeated")->check(not_empty);
  create
      ->add_option("--product", o.new_session.products, "A product that the link must have; may be repeated")
      ->check(CLI::IsMember({"account_numbers", "identity", "transactions", "investments"}));
  add_dry_run(create, o);
  CLI::App* exchange =
      add_verb(links, "exchange", "Turn an exchangeable token, read from standard input, into a link", o,
               chosen, [&](const Session& s) { return exchange_token(s, o.exchange); });
  exchange
      ->add_option("--user", o.exchange.customer_user_id,
                   "Your id of the user: finds the link where the answer of an exchange was lost")
      ->check(valid_id);
  exchange->add_option("--tag", o.exchange.tags, "A word to find it by; may be repeated")->check(not_empty);
  add_dry_run(exchange, o);
}

void add_import_verb(CLI::App& links, Options& o, Command& chosen) {
  CLI::App* verb = add_verb(links, "import", "Register the links that a file names", o, chosen,
                            [&](const Session& s) { return import_links(s, o.import_from); });
  verb->add_option("FILE", o.import_from.file, "NDJSON or CSV; -: standard input")
      ->required()
      ->check(not_empty);
  verb->add_option("--format", o.import_from.format, "Instead of what the file's name or beginning says")
      ->check(CLI::IsMember({"ndjson", "csv"}));
  verb->add_option("--rejects", o.import_from.rejects, "Write lines that were not taken to this file")
      ->check(not_empty);
  verb->add_flag("--dry-run,--check", o.dry_run, "Check every line and send nothing");
  verb->footer(
      "A line of NDJSON is a link id in quotes, or an object with link_id, customer_user_id and tags. CSV "
      "names these columns in its first line; tags are separated by ';'. Exit code: 0 only if every line "
      "was taken.");
}

void add_export_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* verb = add_verb(app, "export", "Write all accounts, transactions, links or the feed to a file", o,
                            chosen, [&](const Session& s) { return export_all(s, o.export_to); });
  verb->add_option("WHAT", o.export_to.what, "accounts, transactions, links or feed")
      ->required()
      ->check(CLI::IsMember({"accounts", "transactions", "links", "feed"}));
  verb->add_option("--link", o.export_to.link_id, "Only of this link")->check(not_empty);
  verb->add_option("--format", o.export_to.format, "Instead of what the file's name says; ndjson without")
      ->check(CLI::IsMember({"ndjson", "csv"}));
  verb->add_option("--output,-o", o.export_to.output,
                   "This file, whole or not at all; standard output without")
      ->check(not_empty);
  verb->add_option("--after", o.export_to.after, "Of the feed: begin behind this sequence")
      ->check(whole_number);
  verb->add_flag("--raw", o.export_to.raw, "CSV: no apostrophe before cells that a spreadsheet would run");
  verb->footer(
      "docs/import-export.md lists the columns of CSV. Everybody's data: keep the file accordingly.");
}

void add_audit_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* audit = app.add_subcommand("audit", "The log of what people did");
  audit->require_subcommand(1);
  CLI::App* ls = add_verb(*audit, "ls", "List acts, newest first", o, chosen,
                          [&](const Session& s) { return list_acts(s, o.acts_limit); });
  ls->add_option("--limit", o.acts_limit, "At most this many; 0: all")
      ->check(whole_number)
      ->capture_default_str();
  add_verb(*audit, "check", "Check that no act was changed or removed", o, chosen,
           [](const Session& s) { return check_acts(s); });
}

void add_repair_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* verify = add_verb(app, "verify", "Visit links, compare them with upstream and correct nothing", o,
                              chosen, [&](const Session& s) { return verify_links(s, o.verify); });
  auto* which = verify->add_option_group("links")->require_option(1);
  which->add_option("--link", o.verify.link_id, "This link")->check(valid_id)->type_name("LINK");
  which->add_option("--sample", o.verify.sample, "So many active links, drawn by lot")
      ->check(CLI::Range(1, 1'000'000));
  verify->footer(
      "Exit code: 0 all is as upstream has it, 1 something differs, 65 the daemon refused, 69 nothing "
      "differs but something could not be compared.");
  CLI::App* repair = add_verb(app, "repair", "Read a link's whole history again and correct what differs", o,
                              chosen, [&](const Session& s) { return repair_link(s, o.link_id); });
  add_link_argument(repair, o);
  add_yes(repair, o);
  repair->add_flag("--dry-run", o.dry_run, "Verify instead: say what differs and correct nothing");
  CLI::App* letters = app.add_subcommand("dead-letters", "Evidence of answers that were refused");
  letters->require_subcommand(1);
  add_verb(*letters, "ls", "List all dead letters", o, chosen,
           [](const Session& s) { return list_dead_letters(s); });
  struct Verb {
    const char* name;
    const char* help;
    CliResult<int> (*run)(const Session&, const std::string&);
    bool changes;
    bool asks;
  };
  for (const Verb& entry : {Verb{"show", "Show one dead letter", &show_dead_letter, false, false},
                            Verb{"retry", "Take its link out of the quarantine and visit it at once",
                                 &retry_dead_letter, true, false},
                            Verb{"drop", "Throw a dead letter away", &drop_dead_letter, true, true}}) {
    CLI::App* verb = add_verb(*letters, entry.name, entry.help, o, chosen,
                              [&o, run = entry.run](const Session& s) { return run(s, o.letter); });
    verb->add_option("LETTER", o.letter, "Its name, as ls prints it")->required()->check(valid_letter);
    if (entry.changes) add_dry_run(verb, o);
    if (entry.asks) add_yes(verb, o);
  }
}

void add_schedule_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* schedule = app.add_subcommand("schedule", "When links are visited, and what that gives");
  schedule->require_subcommand(1);
  CLI::App* explain = add_verb(*schedule, "explain", "Say why a link is due when it is", o, chosen,
                               [&](const Session& s) { return explain_schedule(s, o.link_id); });
  add_link_argument(explain, o);
  CLI::App* plan = add_verb(*schedule, "plan", "Say how soon changes are seen with so many links", o, chosen,
                            [&](const Session& s) { return plan_budget(s, o.plan); });
  plan->add_option("--links", o.plan.links, "So many links; without it as many as there are")
      ->check(CLI::Range(std::uint64_t{1}, core::forecast_links_max))
      ->type_name("COUNT");
  plan->add_option("--webhooks", o.plan.webhook_percent,
                   "So many per cent of them have a webhook; without it as many as have one")
      ->check(CLI::Range(0, 100))
      ->type_name("PERCENT");
  plan->footer("docs/freshness.md says how it is reckoned, and how far that is right.");
}

void add_webhook_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* webhooks = app.add_subcommand("webhooks", "Where MoneyKit sends the events of links");
  webhooks->require_subcommand(1);
  CLI::App* audit = add_verb(*webhooks, "audit", "List links without the configured webhook", o, chosen,
                             [](const Session& s) { return audit_webhooks(s); });
  audit->footer("Exit code: 0 all have it, 1 some do not.");
  CLI::App* fix = add_verb(*webhooks, "fix", "Give these links the configured webhook", o, chosen,
                           [](const Session& s) { return fix_webhooks(s); });
  add_yes(fix, o);
  add_dry_run(fix, o);
  fix->footer("Exit code: 0 only if every link has it then.");
}

void add_backup_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* backup = app.add_subcommand("backup", "Backups of the store");
  backup->require_subcommand(1);
  CLI::App* create = add_verb(*backup, "create", "Make a backup while the daemon goes on", o, chosen,
                              [](const Session& s) { return create_backup(s); });
  create->footer("moneykit-syncd backup verify, drill and restore check a backup and put it back.");
  add_dry_run(create, o);
  add_verb(*backup, "ls", "List all backups, newest first", o, chosen,
           [](const Session& s) { return list_backups(s); });
}

void add_token_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* tokens = app.add_subcommand("tokens", "Who may use the admin API over TCP");
  tokens->require_subcommand(1);
  add_verb(*tokens, "ls", "List all tokens", o, chosen, [](const Session& s) { return list_tokens(s); });
  CLI::App* create = add_verb(*tokens, "create", "Make a token; it is shown only once", o, chosen,
                              [&](const Session& s) { return create_token(s, o.token); });
  create->add_option("NAME", o.token.name, "Its name in the audit log: a-z, 0-9, '.', '_' and '-'")
      ->required()
      ->check(valid_token_name);
  create->add_option("--role", o.token.role, "read: look; operate: act on links too; admin: everything")
      ->required()
      ->check(CLI::IsMember({"read", "operate", "admin"}));
  create->add_option("--lifetime", o.token.lifetime, "How long it is good for, 365d at most")
      ->check(valid_lifetime)
      ->capture_default_str();
  add_dry_run(create, o);
  CLI::App* revoke = add_verb(*tokens, "revoke", "Admit nobody with a token any more", o, chosen,
                              [&](const Session& s) { return revoke_token(s, o.token.name); });
  revoke->add_option("NAME", o.token.name, "Its name, as ls prints it")->required()->check(valid_token_name);
  add_dry_run(revoke, o);
  add_yes(revoke, o);
}

void add_completion_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* script = app.add_subcommand("completion", "Print a script that completes words in your shell");
  script->add_option("SHELL", o.shell, "Your shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  script->callback([&] {
    chosen = [text = completion_script(o.shell, grammar_of(app))](const Session&) {
      print(text);
      return daemon::exit_ok;
    };
  });
  CLI::App* page = app.add_subcommand("manual", "Print the manual page, for man(1)");
  page->callback([&] {
    chosen = [text = manual(grammar_of(app))](const Session&) {
      print(text);
      return daemon::exit_ok;
    };
  });
  // What the scripts ask while one types.
  CLI::App* candidates = app.add_subcommand("__complete", "Words that begin so");
  candidates->group("");
  candidates->add_option("KIND", o.shell)->required();
  candidates->add_option("PREFIX", o.search);
  candidates->callback(
      [&] { chosen = [&o](const Session& s) { return print_candidates(s, o.shell, o.search); }; });
}

// The parser's complaint, without its advice.
std::string complaint_of(const daemon::Ending& ending) {
  return printable(ending.error.substr(0, ending.error.find('\n')));
}

// What is wrong with a command line that the parser refused.
daemon::Ending explained(const std::vector<GrammarVerb>& grammar, const std::vector<std::string>& arguments,
                         const daemon::Ending& refused) {
  const std::string path = path_of(grammar, arguments);
  const GrammarVerb& verb = *find_verb(grammar, path);
  const std::string help = fmt::format("moneykitctl {}{}--help", path, path.empty() ? "" : " ");
  std::string message;
  if (const auto unknown = unknown_word(grammar, arguments)) {
    message = *unknown;
  } else if (!verb.verbs.empty()) {
    message = fmt::format("{}a verb is missing: {}\n{} says more", path.empty() ? "" : path + ": ",
                          fmt::join(verb.verbs, ", "), help);
  } else {
    message = fmt::format("{}\n{} says more", complaint_of(refused), help);
  }
  return {daemon::exit_usage, {}, std::move(message)};
}

}  // namespace

std::optional<daemon::Ending> parse_arguments(const std::vector<std::string>& arguments,
                                              Invocation& invocation) {
  CLI::App app{"Asks and steers a running moneykit-syncd.", "moneykitctl"};
  Options& options = invocation.options;
  app.add_option("--socket", options.socket, "The daemon's admin socket (or environment MONEYKITCTL_SOCKET)")
      ->check(not_empty)
      ->type_name("FILE");
  app.add_option("--config", options.config, "Take the socket from this configuration of the daemon")
      ->check(not_empty)
      ->type_name("FILE");
  app.add_option("--color", options.color, "Whether states and headings are coloured")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  app.set_version_flag("--version", std::string("moneykitctl " SYNCD_VERSION));
  app.require_subcommand(1);
  app.fallthrough();
  add_reading_verbs(app, options, invocation.command);
  CLI::App* links = add_link_verbs(app, options, invocation.command);
  add_session_verbs(app, *links, options, invocation.command);
  add_import_verb(*links, options, invocation.command);
  add_export_verbs(app, options, invocation.command);
  add_relink_verbs(app, options, invocation.command);
  add_repair_verbs(app, options, invocation.command);
  add_schedule_verbs(app, options, invocation.command);
  add_webhook_verbs(app, options, invocation.command);
  add_audit_verbs(app, options, invocation.command);
  add_backup_verbs(app, options, invocation.command);
  add_token_verbs(app, options, invocation.command);
  add_completion_verbs(app, options, invocation.command);
  add_help_texts(app);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as the parser wants them
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    daemon::Ending ending = daemon::ending_of(app, error);
    if (ending.exit_code == daemon::exit_ok) return ending;
    return explained(grammar_of(app), arguments, ending);
  }
  return std::nullopt;
}

}  // namespace syncd::cli
