#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// The table of deliberate defects: tests/mutants/defects/*.txt. An entry is a run of lines `key text`:
//
//   defect  its name, also that of the switch
//   breaks  which promise is broken, and how
//   in      the source, or a folder of sources, from the root
//   find    what is replaced: must stand there exactly once; blanks and line breaks do not count
//   plant   what stands there instead; DEFECT is true while the defect is switched on
//   caught  PROGRAM FILTER [TEXT]: a test program that must fail, which of its tests (GoogleTest's filter),
//   and
//           what its output must hold then; for the simulation the invariant, VIOLATION I-1 convergence, or
//           that an assertion ended the process
//   hangs   yes: not ending in time is a failure, too
//
// `find` and `plant` may have several lines, `caught` too: each of those must catch the defect by itself.
namespace syncd::mutants {

struct Catcher {
  std::string program;
  std::string filter;
  std::string says;  // empty: whatever it says
};

struct Defect {
  std::string name;
  std::string breaks;
  std::string in;
  std::string find;
  std::string plant;
  std::vector<Catcher> catchers;
  bool hangs = false;
  std::string place;  // file and line of the table
};

// Reads one file of the table; `problems` gets a line for each thing that is wrong with it.
std::vector<Defect> parse_table(std::string_view path, std::string_view text,
                                std::vector<std::string>& problems);

// The whole table below `root`, in the order of its files, and what is wrong with it.
std::vector<Defect> read_table(const std::string& root, std::vector<std::string>& problems);

// How often `find` stands in `source`, and where the first of them is: [begin, end).
struct Found {
  std::size_t times = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};
Found find_text(std::string_view source, std::string_view find);

// Sources by their paths from the root.
using Sources = std::map<std::string, std::string>;

// Plants all of `defects`. One whose text is not there exactly once, or lies inside another's, is a problem.
void plant_all(Sources& sources, const std::vector<Defect>& defects, std::vector<std::string>& problems);

// Everything that can be known without building: the texts, the programs and the tests are there, the names
// are different, and there are enough of them.
std::vector<std::string> check_table(const std::string& root);

// The content of a file; empty when there is none.
std::string read_file(const std::string& path);

}  // namespace syncd::mutants
