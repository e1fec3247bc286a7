// check SCHEMA FOLDER...: what `terraform validate` would find in modules whose provider is not there.
//
// Each FOLDER with .tf files below is a module. One line a mistake, FILE:LINE:COLUMN: what is wrong; exit
// code 0 none, 1 some, 2 wrong command line. Parser and formatter are those of Terraform (package hcl), the
// arguments of resources come from SCHEMA, which aws_schema.py makes.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

type mistake struct {
	where hcl.Range
	text  string
}

// Mistakes in the order of files and lines, each once.
type mistakes struct {
	list []mistake
}

func (m *mistakes) add(where hcl.Range, format string, arguments ...interface{}) {
	found := mistake{where, fmt.Sprintf(format, arguments...)}
	for _, known := range m.list {
		if known == found {
			return
		}
	}
	m.list = append(m.list, found)
}

func (m *mistakes) addAll(diagnostics hcl.Diagnostics) {
	for _, diagnostic := range diagnostics {
		where := hcl.Range{}
		if diagnostic.Subject != nil {
			where = *diagnostic.Subject
		}
		m.add(where, "%s: %s", diagnostic.Summary, diagnostic.Detail)
	}
}

func (m *mistakes) print() {
	sort.SliceStable(m.list, func(a, b int) bool {
		left, right := m.list[a].where, m.list[b].where
		if left.Filename != right.Filename {
			return left.Filename < right.Filename
		}
		return left.Start.Byte < right.Start.Byte
	})
	for _, found := range m.list {
		start := found.where.Start
		fmt.Printf("%s:%d:%d: %s\n", found.where.Filename, start.Line, start.Column, found.text)
	}
}

// folders are those below root that hold .tf files.
func folders(root string) ([]string, error) {
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".terraform" {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".tf") {
			seen[filepath.Dir(path)] = true
		}
		return nil
	})
	var list []string
	for folder := range seen {
		list = append(list, folder)
	}
	sort.Strings(list)
	return list, err
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: check SCHEMA FOLDER...")
		os.Exit(2)
	}
	schema, err := loadSchema(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(2)
	}
	found := &mistakes{}
	modules := &modules{loaded: map[string]*module{}, found: found}
	for _, root := range os.Args[2:] {
		list, err := folders(root)
		if err != nil || len(list) == 0 {
			fmt.Fprintln(os.Stderr, "check: no .tf files below", root, err)
			os.Exit(2)
		}
		for _, folder := range list {
			checkModule(modules.load(folder), modules, schema, found)
		}
	}
	found.print()
	if len(found.list) > 0 {
		os.Exit(1)
	}
}

func checkModule(m *module, all *modules, schema *schema, found *mistakes) {
	if m.isBroken {
		return
	}
	m.checkDeclarations(found)
	m.checkCalls(all, found)
	m.checkReferences(all, schema, found)
	m.checkResources(schema, found)
	m.checkNetworks(found)
	m.checkTests(found)
}
