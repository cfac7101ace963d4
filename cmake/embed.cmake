# Writes a C++ source that holds text files. Run as a script:
#   cmake -DOUTPUT=x.cc -DFOLDER=dir -DSUFFIX=.md -DNAMESPACE=a::b -DFUNCTION=page -P embed.cmake
# It defines `std::string_view FUNCTION(std::string_view name)`: the text of the file `name` of
# FOLDER (without SUFFIX, which may be empty), or an empty view.
file(GLOB files "${FOLDER}/*${SUFFIX}")
list(SORT files)
set(table "")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME)
  if(SUFFIX)
    string(REPLACE "${SUFFIX}" "" name ${name})
  endif()
  file(READ ${file} text)
  string(APPEND table "    {\"${name}\", R\"gw_page(${text})gw_page\"},\n")
endforeach()
set(source "// Written by cmake/embed.cmake.
#include <string_view>

namespace ${NAMESPACE} {
namespace {
struct Page {
  std::string_view name;
  std::string_view text;
};
constexpr Page kPages[] = {
${table}};
}  // namespace

std::string_view ${FUNCTION}(std::string_view name);
std::string_view ${FUNCTION}(std::string_view name) {
  for (const Page& page : kPages) {
    if (page.name == name) return page.text;
  }
  return {};
}

}  // namespace ${NAMESPACE}
")
file(WRITE ${OUTPUT} "${source}")
