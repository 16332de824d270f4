# Helpers shared by every folder's CMakeLists.txt: warnings and sanitizers for our own code, one static
# library a folder of src/, one CTest entry a unit test.

add_library(rc_options INTERFACE)
target_compile_features(rc_options INTERFACE c_std_17)
target_compile_definitions(rc_options INTERFACE _GNU_SOURCE ROLLCALL_VERSION="${PROJECT_VERSION}")
target_compile_options(rc_options INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wwrite-strings -Wvla -Wformat=2 -Wundef -fno-common -fvisibility=hidden)
target_include_directories(rc_options INTERFACE
    "${CMAKE_CURRENT_SOURCE_DIR}/src" "${CMAKE_CURRENT_SOURCE_DIR}/include")
if(ROLLCALL_SANITIZE)
    target_compile_options(rc_options INTERFACE
        -fsanitize=${ROLLCALL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(rc_options INTERFACE -fsanitize=${ROLLCALL_SANITIZE})
else()
    target_compile_definitions(rc_options INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
    target_compile_options(rc_options INTERFACE $<$<CONFIG:Release>:-fstack-protector-strong>)
    target_link_options(rc_options INTERFACE -Wl,-z,relro,-z,now)
endif()

# rc_module(NAME SOURCES a.c ... DEPS rc_base ... [PRIVATE PkgConfig::X ...])
# -> static library rc_NAME; DEPS are public, PRIVATE stay behind it.
function(rc_module name)
    cmake_parse_arguments(M "" "" "SOURCES;DEPS;PRIVATE" ${ARGN})
    add_library(rc_${name} STATIC ${M_SOURCES})
    set_target_properties(rc_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(rc_${name} PUBLIC rc_options ${M_DEPS} PRIVATE ${M_PRIVATE})
endfunction()

# rc_unit_test(NAME SOURCES test_x.c ... LIBS rc_base ...) -> CTest entry unit.NAME.
# RC_CAPTURES is the folder of the captured engine bytes.
function(rc_unit_test name)
    cmake_parse_arguments(T "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(unit_${name} ${T_SOURCES})
    target_link_libraries(unit_${name} PRIVATE rc_options ${T_LIBS} PkgConfig::CMOCKA)
    target_compile_definitions(unit_${name} PRIVATE
        RC_CAPTURES="${PROJECT_SOURCE_DIR}/test/captures")
    # Static functions of a test file are cmocka entries; its mains need no prototypes.
    target_compile_options(unit_${name} PRIVATE -Wno-missing-prototypes)
    add_test(NAME unit.${name} COMMAND unit_${name})
    set_tests_properties(unit.${name} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()
