# Writes OUT, a C file with the files of FOLDER that NAMES lists as bytes: cmake -P, with -D for each.
set(arrays "")
set(table "")
string(REPLACE "," ";" names "${NAMES}")
foreach(name ${names})
    file(READ ${FOLDER}/${name} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(MAKE_C_IDENTIFIER ${name} variable)
    string(APPEND arrays "static const unsigned char ${variable}[] = {${bytes}};\n")
    string(APPEND table "    {\"${name}\", (const char *)${variable}, sizeof ${variable}},\n")
endforeach()
file(WRITE ${OUT} "#include \"service/web.h\"\n\n${arrays}
const struct web_file web_files[] = {
${table}    {0},
};
")
