#include "tests/mutants/table.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace syncd::mutants {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* table = R"(# about the store
defect  not_synced
breaks  a power cut loses
breaks  what was acknowledged
in      store
find    options.sync = sync;
plant   options.sync = sync && !DEFECT;
caught  crash_store Kill.*
caught  unit_store Commit.IsSynced:Commit.IsDurable

defect  endless
breaks  termination
in      store
find    if (done) return;
plant   if (done && !DEFECT) return;
caught  sim Seeds.* VIOLATION I-11 termination
hangs   yes
)";

struct Table : testing::Test {
  std::vector<std::string> problems;
  std::vector<Defect> defects = parse_table("t.txt", table, problems);

  std::string planted(const std::string& source) {
    Sources sources{{"store/a.cpp", source}, {"store/b.cpp", "if (true) return;"}, {"storey/a.cpp", source}};
    plant_all(sources, defects, problems);
    EXPECT_EQ(sources["store/b.cpp"], "if (true) return;");
    EXPECT_EQ(sources["storey/a.cpp"], source);
    return sources["store/a.cpp"];
  }
};

TEST_F(Table, IsRead) {
  EXPECT_THAT(problems, IsEmpty());
  ASSERT_EQ(defects.size(), 2u);
  EXPECT_EQ(defects[0].name, "not_synced");
  EXPECT_EQ(defects[0].breaks, "a power cut loses\nwhat was acknowledged");
  EXPECT_EQ(defects[0].place, "t.txt:2");
  ASSERT_EQ(defects[0].catchers.size(), 2u);
  EXPECT_EQ(defects[0].catchers[1].program, "unit_store");
  EXPECT_EQ(defects[0].catchers[1].filter, "Commit.IsSynced:Commit.IsDurable");
  EXPECT_FALSE(defects[0].hangs);
  EXPECT_EQ(defects[0].catchers[1].says, "");
  EXPECT_TRUE(defects[1].hangs);
  ASSERT_EQ(defects[1].catchers.size(), 1u);
  EXPECT_EQ(defects[1].catchers[0].filter, "Seeds.*");
  EXPECT_EQ(defects[1].catchers[0].says, "VIOLATION I-11 termination");
}

TEST_F(Table, EntriesThatSayTooLittleAreNamed) {
  parse_table("t.txt", "defect a b\nbreaks x\nin f\nfind y\nplant z\ncaught sim\nmisses q\n", problems);
  EXPECT_THAT(problems, ElementsAre("t.txt:7: what is \"misses\"?", HasSubstr("letters, digits and _"),
                                    HasSubstr("asks DEFECT"), HasSubstr("which tests of sim")));
  problems.clear();
  parse_table("t.txt", "defect a\nplant DEFECT\n", problems);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("what it breaks"), HasSubstr("does not say where"),
                                    HasSubstr("not caught by anything")));
}

TEST_F(Table, TextsArePlantedWhereverTheLinesEnd) {
  const std::string source =
      planted("int a;\nvoid f() {\n  options.sync =\n      sync;\n  if (done) return;\n}\n");
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(source,
            "#include \"tests/mutants/defect.hpp\"\nint a;\nvoid f() {\n"
            "  options.sync = sync && !::syncd::mutants::is_on(\"not_synced\");\n"
            "  if (done && !::syncd::mutants::is_on(\"endless\")) return;\n}\n");
}

TEST_F(Table, ATextThatIsMissingOrThereTwiceIsNamed) {
  planted("options.sync = sync; options.sync=sync; if (undone) return;");
  EXPECT_THAT(problems, ElementsAre(HasSubstr("not_synced stands 2 times in store"),
                                    HasSubstr("endless stands 0 times in store")));
}

TEST_F(Table, OneInsideAnotherIsNamed) {
  defects[1].find = "sync = sync";
  planted("options.sync = sync;");
  EXPECT_THAT(problems, ElementsAre(HasSubstr("endless overlaps another")));
}

// As much of a project as the table is compared with.
class Project {
 public:
  Project() : root_(fs::path(testing::TempDir()) / "mutants_project") {
    fs::remove_all(root_);
    for (const char* folder : {"daemon", "metrics", "store", "sync", "tests/sim", "tests/mutants/defects"})
      fs::create_directories(root_ / folder);
    put("store/a.cpp", "done = true;");
    put("tests/sim/CMakeLists.txt", "syncd_add_tests(NAME sim)");
    put("tests/sim/seeds.cpp", "TEST(Seeds, Hold) { names = {\"verify\", \"exactly once\"}; }");
  }
  ~Project() { fs::remove_all(root_); }
  // What is wrong with one entry that is caught by that, but for there being too few.
  std::vector<std::string> problems(const std::string& caught) {
    put("tests/mutants/defects/a.txt",
        "defect a\nbreaks b\nin store\nfind done = true;\n"
        "plant done = !DEFECT;\ncaught " +
            caught + "\n");
    std::vector<std::string> found = check_table(root_.string());
    std::erase_if(found,
                  [](const std::string& problem) { return problem.starts_with("there are 1 defects"); });
    return found;
  }

 private:
  void put(const std::string& path, const std::string& content) {
    std::ofstream(root_ / path, std::ios::binary) << content;
  }
  fs::path root_;
};

TEST(CheckTable, TheSimulationIsToNameAnInvariant) {
  Project project;
  EXPECT_THAT(project.problems("sim Seeds.Hold VIOLATION I-4 exactly once"), IsEmpty());
  EXPECT_THAT(project.problems("sim Seeds.Hold ended the process"), IsEmpty());
  for (const char* says : {"", " VIOLATION", " VIOLATION I-2", " exactly once", " VIOLATION I-4 exactly on"})
    EXPECT_THAT(project.problems(std::string("sim Seeds.Hold") + says),
                ElementsAre(HasSubstr("by which invariant")))
        << says;
  EXPECT_THAT(project.problems("sim Seeds.Fold VIOLATION I-4 exactly once"),
              ElementsAre(HasSubstr("Seeds.Fold, which is no test")));
}

TEST(FindText, TakesWholeWords) {
  EXPECT_EQ(find_text("if (undone) x;", "done").times, 0u);
  EXPECT_EQ(find_text("if (done_) x;", "done").times, 0u);
  EXPECT_EQ(find_text("if (done) done();", "done").times, 2u);
  EXPECT_EQ(find_text("a == b", "== b").begin, 2u);
  EXPECT_EQ(find_text("anything", "").times, 0u);
}

}  // namespace
}  // namespace syncd::mutants
