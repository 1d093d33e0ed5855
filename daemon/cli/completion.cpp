#include "daemon/cli/completion.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "daemon/cli/output.hpp"
#include "daemon/exit_codes.hpp"

namespace syncd::cli {

namespace {

constexpr core::Millis connect_patience{300};
constexpr core::Millis answer_patience{700};
constexpr std::size_t candidates_max = 100;

// ---- what may be said where ----

// The kinds whose values the daemon knows. An operand LINK of `relink` is one that has an entry.
constexpr auto asked_kinds = std::to_array<std::string_view>({"LINK", "LETTER", "NAME", "CONSUMER"});

// The kind to ask the daemon for; empty: it does not know.
std::string asked_kind(const GrammarVerb& verb, const GrammarOption& option) {
  if (option.kind == "LINK" && verb.path.starts_with("relink ")) return "ENTRY";
  const bool made_here =
      verb.path == "tokens create" || verb.path == "links add" || verb.path == "feed consumers add";
  const bool asked = std::ranges::find(asked_kinds, option.kind) != asked_kinds.end();
  return asked && !made_here ? option.kind : "";
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

// For single quotes in all three shells, none of which ends them with a backslash before a letter.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' ? '`' : c;
  return out + "'";
}

std::vector<std::string> option_names(const GrammarVerb& verb, bool with_value) {
  std::vector<std::string> names;
  for (const GrammarOption& option : verb.options) {
    if (!with_value || option.takes_value)
      names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// Without those of the program: `--help` is everybody's.
std::vector<std::string> own_option_names(const GrammarVerb& verb, const GrammarVerb& program) {
  std::vector<std::string> names = option_names(verb, false);
  const std::vector<std::string> everywhere = option_names(program, false);
  std::erase_if(names, [&](const std::string& name) {
    return std::ranges::find(everywhere, name) != everywhere.end();
  });
  return names;
}

// ---- bash and zsh: one function finds the words, which both have the syntax for ----

constexpr std::string_view walker = R"(
# $1: the word that is being typed; then the words before it. Prints what may stand there, a word a line.
_moneykitctl_words() {
  local typed=$1 at='' option='' operands=0 word
  local -a reach=()
  shift
  for word in "$@"; do
    if [[ -n $option ]]; then
      case $option in --socket | --config) reach+=("$option" "$word") ;; esac
      option=''
      continue
    fi
    case $word in
      --socket=* | --config=*) reach+=("$word") ;;
      -*=*) ;;
      -*) if _moneykitctl_takes_value "$at" "$word"; then option=$word; fi ;;
      *) if _moneykitctl_is_verb "$at $word"; then at="$at $word"; else operands=$((operands + 1)); fi ;;
    esac
  done
  if [[ -n $option ]]; then
    _moneykitctl_values "$at" "$option"
  elif [[ $typed == -* ]]; then
    _moneykitctl_options "$at"
  else
    _moneykitctl_verbs "$at"
    _moneykitctl_values "$at" "$operands"
  fi
}
# $1: a kind. Silent, and not for long, when the daemon does not answer.
_moneykitctl_ask() {
  "${_moneykitctl_program:-moneykitctl}" "${reach[@]}" __complete "$1" "$typed" 2>/dev/null
}
)";

// What is offered is compared here and not by compgen, which would carry out what it finds in a word.
constexpr std::string_view bash_end = R"(
_moneykitctl() {
  local _moneykitctl_program=$1 typed=${COMP_WORDS[COMP_CWORD]} before='' lost='' word
  local -a words=()
  # Bash breaks words at = and : too, and hands over the pieces.
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == = ]]; then
      :
    elif [[ ($word == : || $before == :) && ${#words[@]} -gt 0 ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
    before=$word
  done
  if [[ $typed == = ]]; then typed=''; fi
  if [[ ($typed == : || $before == :) && ${#words[@]} -gt 0 ]]; then
    if [[ $typed == : ]]; then typed=''; fi
    lost=${words[-1]%:}:
    typed=$lost$typed
    unset 'words[-1]'
  fi
  COMPREPLY=()
  while IFS= read -r word; do
    if [[ $word == :files ]]; then
      compopt -o default 2>/dev/null
    elif [[ $word == "$typed"* ]]; then
      COMPREPLY+=("${word#"$lost"}")
    fi
  done < <(_moneykitctl_words "$typed" "${words[@]}")
}
complete -F _moneykitctl moneykitctl
)";

constexpr std::string_view zsh_end = R"(
_moneykitctl() {
  local _moneykitctl_program=${words[1]} typed=${words[CURRENT]}
  local -a before=("${(@)words[2,CURRENT-1]}") found
  # --state=act: the value is completed behind the sign.
  if [[ $typed == --*=* ]]; then
    before+=("${typed%%=*}")
    typed=${typed#*=}
    compset -P '*='
  fi
  found=("${(@f)$(_moneykitctl_words "$typed" "${before[@]}")}")
  if [[ ${found[1]} == :files ]]; then _files; else compadd -- ${found:#}; fi
}
if [[ ${funcstack[1]} == _moneykitctl ]]; then _moneykitctl "$@"; else compdef _moneykitctl moneykitctl; fi
)";

void add_case(std::string& out, const std::string& patterns, const std::string& command) {
  out += fmt::format("    {}) {} ;;\n", patterns, command);
}

std::string print_words(const std::vector<std::string>& words) {
  return fmt::format("printf '%s\\n' {}", joined(words, " "));
}

// ` links ls`: as the walker collects it.
std::string place(const GrammarVerb& verb, std::string_view rest = {}) {
  return quoted(fmt::format("{}{}{}", verb.path.empty() ? "" : " ", verb.path, rest));
}

std::string command_for(const GrammarVerb& verb, const GrammarOption& option) {
  if (!option.values.empty()) return print_words(option.values);
  if (option.kind == "FILE") return "printf '%s\\n' :files";
  const std::string kind = asked_kind(verb, option);
  return kind.empty() ? "" : "_moneykitctl_ask " + kind;
}

std::string verb_functions(const std::vector<GrammarVerb>& grammar) {
  std::string out = "_moneykitctl_is_verb() {\n  case $1 in\n";
  for (const GrammarVerb& verb : grammar) {
    if (!verb.path.empty() && !verb.group.empty()) add_case(out, place(verb), "return 0");
  }
  out += "  esac\n  return 1\n}\n_moneykitctl_verbs() {\n  case $1 in\n";
  for (const GrammarVerb& verb : grammar) {
    if (!verb.verbs.empty()) add_case(out, place(verb), print_words(verb.verbs));
  }
  return out + "  esac\n}\n";
}

std::string option_functions(const std::vector<GrammarVerb>& grammar) {
  const GrammarVerb& program = grammar.front();
  std::string out = "_moneykitctl_takes_value() {\n  case $2 in\n";
  add_case(out, joined(option_names(program, true), " | "), "return 0");
  out += "  esac\n  case \"$1 $2\" in\n";
  for (const GrammarVerb& verb : grammar) {
    for (const std::string& name : option_names(verb, true))
      add_case(out, place(verb, " " + name), "return 0");
  }
  out += "  esac\n  return 1\n}\n_moneykitctl_options() {\n";
  out += "  " + print_words(option_names(program, false)) + "\n  case $1 in\n";
  for (const GrammarVerb& verb : grammar) {
    const bool has_own = !own_option_names(verb, program).empty();
    if (!verb.path.empty() && !verb.group.empty() && has_own)
      add_case(out, place(verb), print_words(own_option_names(verb, program)));
  }
  return out + "  esac\n}\n";
}

// Of options by their names, of operands by how many went before.
std::string value_function(const std::vector<GrammarVerb>& grammar) {
  std::string out = "_moneykitctl_values() {\n  case $2 in\n";
  for (const GrammarOption& option : grammar.front().options) {
    const std::string command = command_for(grammar.front(), option);
    if (!command.empty()) add_case(out, joined(option.names, " | "), command);
  }
  out += "  esac\n  case \"$1 $2\" in\n";
  for (const GrammarVerb& verb : grammar) {
    if (verb.path.empty() || verb.group.empty()) continue;
    for (const GrammarOption& option : verb.options) {
      const std::string command = command_for(verb, option);
      for (const std::string& name : option.names) {
        if (!command.empty()) add_case(out, place(verb, " " + name), command);
      }
    }
    for (std::size_t at = 0; at < verb.operands.size(); ++at) {
      const std::string command = command_for(verb, verb.operands[at]);
      if (!command.empty()) add_case(out, place(verb, fmt::format(" {}", at)), command);
    }
  }
  return out + "  esac\n}\n";
}

// ---- fish ----

constexpr std::string_view fish_begin = R"(
# The verbs so far are exactly these.
function __moneykitctl_at
    set -l said (__moneykitctl_said)
    test "$said" = "$argv"
end
# They begin so.
function __moneykitctl_in
    set -l said (__moneykitctl_said)
    set -l count (count $argv)
    test "$said[1..$count]" = "$argv"
end
function __moneykitctl_ask
    set -l words (commandline -opc)
    set -l reach
    for at in (seq 2 (count $words))
        switch $words[$at]
            case --socket --config
                set -a reach $words[$at] $words[(math $at + 1)]
            case '--socket=*' '--config=*'
                set -a reach $words[$at]
        end
    end
    $words[1] $reach __complete $argv[1] (commandline -ct) 2>/dev/null
end
complete -c moneykitctl -f
)";

// What was said before the word that is typed, without options and the values of those of the program.
std::string fish_said(const GrammarVerb& program) {
  return fmt::format(R"(function __moneykitctl_said
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case {}
                set skip yes
            case '-*'
            case '*'
                echo $word
        end
    end
end
)",
                     joined(option_names(program, true), " "));
}

std::string fish_condition(const char* function, const GrammarVerb& verb) {
  if (verb.path.empty() && function == std::string_view("__moneykitctl_in")) return "";
  return fmt::format(" -n '{}{}{}'", function, verb.path.empty() ? "" : " ", verb.path);
}

std::string fish_option(const GrammarVerb& verb, const GrammarOption& option) {
  std::string line = "complete -c moneykitctl" + fish_condition("__moneykitctl_in", verb);
  for (const std::string& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.takes_value) line += option.kind == "FILE" ? " -r -F" : " -x";
  const std::string kind = option.takes_value ? asked_kind(verb, option) : "";
  if (!option.values.empty()) line += " -a " + quoted(joined(option.values, " "));
  if (!kind.empty()) line += " -a " + quoted("(__moneykitctl_ask " + kind + ")");
  return line + " -d " + quoted(option.help) + "\n";
}

std::string fish_operand(const GrammarVerb& verb, const GrammarOption& operand) {
  const std::string kind = asked_kind(verb, operand);
  const std::string words = kind.empty() ? joined(operand.values, " ") : "(__moneykitctl_ask " + kind + ")";
  if (words.empty()) return "";
  return fmt::format("complete -c moneykitctl{} -a {}\n", fish_condition("__moneykitctl_in", verb),
                     quoted(words));
}

std::string fish_script(const std::vector<GrammarVerb>& grammar) {
  std::string out = fish_said(grammar.front()) + std::string(fish_begin);
  for (const GrammarVerb& verb : grammar) {
    if (!verb.path.empty() && verb.group.empty()) continue;
    for (const std::string& name : verb.verbs) {
      const GrammarVerb* const sub = find_verb(grammar, verb.path.empty() ? name : verb.path + " " + name);
      out += fmt::format("complete -c moneykitctl{} -a {} -d {}\n", fish_condition("__moneykitctl_at", verb),
                         name, quoted(sub->help));
    }
    for (const GrammarOption& option : verb.options)
      out += fish_option(verb, option);
    for (const GrammarOption& operand : verb.operands)
      out += fish_operand(verb, operand);
  }
  return out;
}

// ---- what the daemon knows ----

// Whatever shell it ends up in, unquoted, takes it for nothing but a word.
bool is_harmless(std::string_view word) {
  static constexpr std::string_view marks = "._:@+-";
  const bool plain = std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || marks.contains(c);
  });
  return plain && !word.empty() && word.front() != '-';
}

struct Question {
  std::string_view kind;
  std::string_view path;
  std::string_view member;
  bool searches;  // by a beginning
};
constexpr auto questions = std::to_array<Question>({
    {"LINK", "/v1/links", "link_id", true},
    {"ENTRY", "/v1/relink", "link_id", true},
    {"LETTER", "/v1/dead-letters", "id", false},
    {"NAME", "/v1/tokens", "name", false},
    {"CONSUMER", "/v1/feed/consumers", "name", false},
});

}  // namespace

std::string completion_script(std::string_view shell, const std::vector<GrammarVerb>& grammar) {
  const std::string made =
      fmt::format("# Completes the words of moneykitctl. Made by it: completion {}\n", shell);
  if (shell == "fish") return made + fish_script(grammar);
  const std::string common =
      verb_functions(grammar) + option_functions(grammar) + value_function(grammar) + std::string(walker);
  if (shell == "zsh") return "#compdef moneykitctl\n" + made + common + std::string(zsh_end);
  return made + common + std::string(bash_end);
}

CliResult<int> print_candidates(const Session& session, const std::string& kind, const std::string& prefix) {
  const auto question = std::ranges::find(questions, kind, &Question::kind);
  if (question == questions.end()) return daemon::exit_failure;
  std::string query;
  if (question->searches && !prefix.empty()) query = "search=" + percent_encoded(prefix);
  const Client client = session.client.with({.connect = connect_patience, .answer = answer_patience});
  const auto items = client.list(std::string(question->path), query, candidates_max);
  if (!items) return daemon::exit_failure;
  for (const JsonValue& item : *items) {
    const std::string word = item.at(question->member, "");
    if (is_harmless(word) && word.starts_with(prefix)) print(word + "\n");
  }
  return daemon::exit_ok;
}

}  // namespace syncd::cli
