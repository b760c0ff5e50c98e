"""The constants in C++ headers that users of the wire can see."""

import re


class Header:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self._text = file.read()

    def strings(self, namespace):
        """The values of the std::string_view constants in a namespace."""
        body = re.search(rf"namespace {namespace} {{(.*?)}}  // namespace {namespace}",
                         self._text, re.DOTALL)[1]
        return set(re.findall(r'std::string_view k\w+ =\s*"(\w+)";', body))

    def numbers(self, c_type):
        return {int(value) for value in
                re.findall(rf"constexpr {c_type} k\w+ = (\d+);", self._text)}

    def number(self, name):
        """Of a duration: in seconds."""
        found = re.search(rf"\b{name} = (?:absl::(Seconds|Minutes)\()?([\d']+)\)?;", self._text)
        value = int(found[2].replace("'", ""))
        return value * 60 if found[1] == "Minutes" else value
