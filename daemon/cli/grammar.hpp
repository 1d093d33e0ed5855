#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace syncd::cli {

// The command line as its parser knows it, read from the parser itself: completion and the messages about
// what is unknown cannot forget a verb or an option.

struct GrammarOption {
  std::vector<std::string> names;  // `--yes`, `-y`; for an operand its name alone: `LINK`
  std::string help;
  bool takes_value = false;
  std::vector<std::string> values;  // all that may be said; empty: anything
  // What the value names: LINK, FILE ...; the name of an operand.
  std::string kind;
};

// The program itself (the first one), a group of verbs or a verb.
struct GrammarVerb {
  std::string path;  // `links ls`; empty: the program
  std::string help;
  std::string group;                    // where the help lists it; empty: it is not for people
  std::vector<GrammarOption> options;   // its own; those of the program can be said anywhere
  std::vector<GrammarOption> operands;  // in their order
  std::vector<std::string> verbs;       // that may follow; not those that are not for people
};

std::vector<GrammarVerb> grammar_of(const CLI::App& app);
// nullptr: there is no such verb.
const GrammarVerb* find_verb(const std::vector<GrammarVerb>& grammar, std::string_view path);

// The first word that the command line has no place for, as a message with what was probably meant. nullopt:
// every word is known, so that something else is wrong.
std::optional<std::string> unknown_word(const std::vector<GrammarVerb>& grammar,
                                        const std::vector<std::string>& arguments);
// How far the words go into the tree of verbs: `links ls`.
std::string path_of(const std::vector<GrammarVerb>& grammar, const std::vector<std::string>& arguments);

// The one of `known` that is the most like `word`, when it is like it at all: a letter too few, too many,
// wrong or in the wrong place, of which a short word may have one and a longer one two; or a beginning.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace syncd::cli
