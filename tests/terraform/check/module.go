package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// A module is a folder of .tf files; the tests are beside them or in tests/.
type module struct {
	folder    string
	bodies    []*hclsyntax.Body
	tests     []*hclsyntax.Body
	variables map[string]*hclsyntax.Block
	outputs   map[string]*hclsyntax.Block
	locals    map[string]*hclsyntax.Attribute
	calls     map[string]*hclsyntax.Block
	resources map[string]*hclsyntax.Block // "aws_vpc.this", "data.aws_ami.debian"
	used      map[string]bool             // "var.name", "local.name"
	isBroken  bool                        // a file cannot be parsed, so that the rest would be noise
}

type modules struct {
	loaded map[string]*module
	found  *mistakes
}

// load reads a folder once, however many modules call it.
func (all *modules) load(folder string) *module {
	folder = filepath.Clean(folder)
	if known := all.loaded[folder]; known != nil {
		return known
	}
	m := &module{folder: folder, variables: map[string]*hclsyntax.Block{},
		outputs: map[string]*hclsyntax.Block{}, locals: map[string]*hclsyntax.Attribute{},
		calls: map[string]*hclsyntax.Block{}, resources: map[string]*hclsyntax.Block{},
		used: map[string]bool{}}
	all.loaded[folder] = m
	m.bodies = all.parse(m, "*.tf")
	m.tests = append(all.parse(m, "*.tftest.hcl"), all.parse(m, "tests/*.tftest.hcl")...)
	for _, body := range m.bodies {
		for _, block := range body.Blocks {
			m.declare(block, all.found)
		}
	}
	return m
}

func (all *modules) parse(m *module, pattern string) []*hclsyntax.Body {
	files, _ := filepath.Glob(filepath.Join(m.folder, pattern))
	var bodies []*hclsyntax.Body
	parser := hclparse.NewParser()
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			all.found.add(hcl.Range{Filename: path}, "%v", err)
			continue
		}
		file, diagnostics := parser.ParseHCL(source, path)
		all.found.addAll(diagnostics)
		m.isBroken = m.isBroken || diagnostics.HasErrors()
		if !diagnostics.HasErrors() {
			checkFormat(path, source, all.found)
			bodies = append(bodies, file.Body.(*hclsyntax.Body))
		}
	}
	return bodies
}

// checkFormat finds the first line that `terraform fmt` would write otherwise.
func checkFormat(path string, source []byte, found *mistakes) {
	have := bytes.Split(source, []byte("\n"))
	want := bytes.Split(hclwrite.Format(source), []byte("\n"))
	for i := range have {
		if i >= len(want) || !bytes.Equal(have[i], want[i]) {
			start := hcl.Pos{Line: i + 1, Column: 1}
			found.add(hcl.Range{Filename: path, Start: start}, "not in canonical format; run terraform fmt")
			return
		}
	}
}

func (m *module) declare(block *hclsyntax.Block, found *mistakes) {
	name := strings.Join(block.Labels, ".")
	var names map[string]*hclsyntax.Block
	switch block.Type {
	case "variable":
		names = m.variables
	case "output":
		names = m.outputs
	case "module":
		names = m.calls
	case "resource":
		names = m.resources
	case "data":
		names, name = m.resources, "data."+name
	case "locals":
		for _, attribute := range block.Body.Attributes {
			if m.locals[attribute.Name] != nil {
				found.add(attribute.NameRange, "local.%s is there twice", attribute.Name)
			}
			m.locals[attribute.Name] = attribute
		}
		return
	case "terraform", "provider", "check", "moved", "import", "removed":
		return
	default:
		found.add(block.TypeRange, "unknown block %s", block.Type)
		return
	}
	if names[name] != nil {
		found.add(block.DefRange(), "%s %s is there twice", block.Type, name)
	}
	names[name] = block
}

// checkDeclarations: variables say what they are, and something uses them.
func (m *module) checkDeclarations(found *mistakes) {
	for name, block := range m.variables {
		for _, needed := range []string{"description", "type"} {
			if block.Body.Attributes[needed] == nil {
				found.add(block.DefRange(), "variable %s has no %s", name, needed)
			}
		}
	}
	for name, block := range m.outputs {
		for _, needed := range []string{"description", "value"} {
			if block.Body.Attributes[needed] == nil {
				found.add(block.DefRange(), "output %s has no %s", name, needed)
			}
		}
	}
	for name, block := range m.resources {
		if strings.HasPrefix(strings.TrimPrefix(name, "data."), "aws_") && !m.requires("aws") {
			found.add(block.DefRange(), "%s is used, and required_providers does not have aws", name)
		}
	}
}

func (m *module) requires(provider string) bool {
	for _, body := range m.bodies {
		for _, block := range body.Blocks {
			for _, inner := range block.Body.Blocks {
				if block.Type == "terraform" && inner.Type == "required_providers" &&
					inner.Body.Attributes[provider] != nil {
					return true
				}
			}
		}
	}
	return false
}

// checkCalls: what a module is given is what it takes.
func (m *module) checkCalls(all *modules, found *mistakes) {
	meta := map[string]bool{"source": true, "version": true, "count": true, "for_each": true,
		"providers": true, "depends_on": true}
	for name, block := range m.calls {
		called := m.called(name, all)
		if called == nil {
			found.add(block.DefRange(), "module %s has no source that is a folder with .tf files", name)
			continue
		}
		if called.isBroken {
			continue
		}
		for _, attribute := range block.Body.Attributes {
			if !meta[attribute.Name] && called.variables[attribute.Name] == nil {
				found.add(attribute.NameRange, "module %s has no variable %s", called.folder, attribute.Name)
			}
		}
		for variable, declared := range called.variables {
			if declared.Body.Attributes["default"] == nil && block.Body.Attributes[variable] == nil {
				found.add(block.DefRange(), "module %s needs %s", name, variable)
			}
		}
	}
}

// called is the module behind the call NAME; nil when there is none.
func (m *module) called(name string, all *modules) *module {
	block := m.calls[name]
	if block == nil || block.Body.Attributes["source"] == nil {
		return nil
	}
	source := literal(block.Body.Attributes["source"].Expr)
	if !strings.HasPrefix(source, ".") {
		return nil
	}
	folder := filepath.Join(m.folder, source)
	if files, _ := filepath.Glob(filepath.Join(folder, "*.tf")); len(files) == 0 {
		return nil
	}
	return all.load(folder)
}

// literal is the text of an expression without references, otherwise "".
func literal(expression hclsyntax.Expression) string {
	value, diagnostics := expression.Value(nil)
	if diagnostics.HasErrors() || value.IsNull() || !value.IsKnown() || value.Type().FriendlyName() != "string" {
		return ""
	}
	return value.AsString()
}
