#include "daemon/cli/grammar.hpp"

#include <algorithm>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "daemon/cli/text.hpp"

namespace syncd::cli {

namespace {

constexpr std::size_t word_columns_max = 80;  // of a word that is not known, in a message

// `TEXT:{read,operate,admin}`: what the parser says of a value, and of those that it takes.
void read_type(const std::string& type, GrammarOption& option) {
  const std::size_t open = type.find('{');
  option.kind = type.substr(0, type.find(':'));
  if (open == std::string::npos || !type.ends_with('}')) return;
  const std::string list = type.substr(open + 1, type.size() - open - 2);
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    option.values.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
}

GrammarOption option_of(const CLI::Option& from) {
  GrammarOption option;
  option.help = from.get_description();
  if (from.get_positional()) {
    option.names.push_back(from.get_name(true));
    option.kind = option.names.front();
    option.takes_value = true;
    GrammarOption typed;
    read_type(from.get_type_name(), typed);
    option.values = std::move(typed.values);
    return option;
  }
  for (const std::string& name : from.get_lnames())
    option.names.push_back("--" + name);
  for (const std::string& name : from.get_snames())
    option.names.push_back("-" + name);
  option.takes_value = from.get_type_size_max() != 0;
  if (option.takes_value) read_type(from.get_type_name(), option);
  return option;
}

// A group of options is an app without a name.
void add_options(const CLI::App& app, GrammarVerb& verb) {
  for (const CLI::Option* option : app.get_options())
    (option->get_positional() ? verb.operands : verb.options).push_back(option_of(*option));
  for (const CLI::App* group :
       app.get_subcommands([](const CLI::App* sub) { return sub->get_name().empty(); }))
    add_options(*group, verb);
}

void add_verbs(const CLI::App& app, const std::string& path, std::vector<GrammarVerb>& grammar) {
  GrammarVerb verb;
  verb.path = path;
  verb.help = app.get_description();
  verb.group = app.get_group();
  add_options(app, verb);
  const auto verbs = app.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
  for (const CLI::App* sub : verbs) {
    if (!sub->get_group().empty()) verb.verbs.push_back(sub->get_name());
  }
  grammar.push_back(std::move(verb));
  for (const CLI::App* sub : verbs)
    add_verbs(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), grammar);
}

const GrammarOption* find_option(const GrammarVerb& verb, std::string_view name) {
  for (const GrammarOption& option : verb.options) {
    if (std::ranges::find(option.names, name) != option.names.end()) return &option;
  }
  return nullptr;
}

std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::vector<std::size_t>> cost(from.size() + 1, std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = 0; i <= from.size(); ++i) {
    for (std::size_t j = 0; j <= to.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t changed = from[i - 1] == to[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + changed});
      const bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[from.size()][to.size()];
}

std::string meant(std::string_view word, const std::vector<std::string>& known) {
  const auto like = nearest(word, known);
  return like ? fmt::format("; did you mean {}?", *like) : "";
}

std::string help_of(const std::string& path) {
  return fmt::format("moneykitctl {}{}--help", path, path.empty() ? "" : " ");
}

std::string unknown_option(const std::vector<GrammarVerb>& grammar, const GrammarVerb& verb,
                           const std::string& name) {
  std::vector<std::string> known;
  for (const GrammarVerb* from : {&verb, &grammar.front()}) {
    for (const GrammarOption& option : from->options)
      known.insert(known.end(), option.names.begin(), option.names.end());
  }
  const std::string nowhere = verb.path.empty() ? "there is no option" : verb.path + " has no option";
  return fmt::format("{} {}{}\n{} lists them", nowhere, printable(name), meant(name, known),
                     help_of(verb.path));
}

std::string unknown_verb(const GrammarVerb& verb, const std::string& word) {
  const std::string nowhere = verb.path.empty() ? "there is no verb" : verb.path + " has no verb";
  return fmt::format("{} {}{}\n{} lists them", nowhere, printable(word, word_columns_max),
                     meant(word, verb.verbs), help_of(verb.path));
}

// Follows the words into the tree, until the first that has no place there.
struct Walk {
  const GrammarVerb* verb = nullptr;
  std::optional<std::string> unknown;
};

Walk walk(const std::vector<GrammarVerb>& grammar, const std::vector<std::string>& arguments) {
  Walk at{.verb = &grammar.front(), .unknown = std::nullopt};
  std::size_t operands = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--") return at;  // whatever follows is an operand, as the parser sees it
    if (word.size() > 1 && word.starts_with('-')) {
      const std::string name = word.substr(0, word.find('='));
      const GrammarOption* option = find_option(*at.verb, name);
      if (option == nullptr) option = find_option(grammar.front(), name);
      // Short ones may stand together, and a value may follow at once: `-fy`, `-n5`.
      const bool joined = !name.starts_with("--") && name.size() > 2;
      if (option == nullptr && joined) continue;
      if (option == nullptr) {
        at.unknown = unknown_option(grammar, *at.verb, name);
        return at;
      }
      if (option->takes_value && name.size() == word.size()) ++i;
      continue;
    }
    const GrammarVerb* next = find_verb(grammar, at.verb->path.empty() ? word : at.verb->path + " " + word);
    if (next != nullptr && operands == 0) {
      at.verb = next;
    } else if (!at.verb->verbs.empty()) {
      at.unknown = unknown_verb(*at.verb, word);
      return at;
    } else if (++operands > at.verb->operands.size()) {
      at.unknown = fmt::format("{} has no place for {}\n{} says what it takes", at.verb->path,
                               printable(word, word_columns_max), help_of(at.verb->path));
      return at;
    }
  }
  return at;
}

}  // namespace

std::vector<GrammarVerb> grammar_of(const CLI::App& app) {
  std::vector<GrammarVerb> grammar;
  add_verbs(app, {}, grammar);
  return grammar;
}

const GrammarVerb* find_verb(const std::vector<GrammarVerb>& grammar, std::string_view path) {
  const auto found = std::ranges::find(grammar, path, &GrammarVerb::path);
  return found == grammar.end() ? nullptr : &*found;
}

std::optional<std::string> unknown_word(const std::vector<GrammarVerb>& grammar,
                                        const std::vector<std::string>& arguments) {
  return walk(grammar, arguments).unknown;
}

std::string path_of(const std::vector<GrammarVerb>& grammar, const std::vector<std::string>& arguments) {
  return walk(grammar, arguments).verb->path;
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t word_bytes_max = 64;  // what is compared grows with its square
  if (word.empty() || word.size() > word_bytes_max) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = word.size() <= 4 ? 2 : 3;
  for (const std::string& candidate : known) {
    const std::size_t of_this = distance(word, candidate);
    if (of_this >= best_distance) continue;
    best_distance = of_this;
    best = candidate;
  }
  if (best) return best;
  const auto begun = std::ranges::find_if(
      known, [word](const std::string& candidate) { return word.size() > 1 && candidate.starts_with(word); });
  return begun == known.end() ? std::nullopt : std::optional(*begun);
}

}  // namespace syncd::cli
