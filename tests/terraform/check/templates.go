package main

import (
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// checkFiles: file and templatefile name files that are there, and templates get what they use.
func (w *walker) checkFiles(call *hclsyntax.FunctionCallExpr) {
	if (call.Name != "file" && call.Name != "templatefile") || len(call.Args) == 0 {
		return
	}
	here := cty.StringVal(w.module.folder)
	value, diagnostics := call.Args[0].Value(&hcl.EvalContext{Variables: map[string]cty.Value{
		"path": cty.ObjectVal(map[string]cty.Value{"module": here, "root": here})}})
	if diagnostics.HasErrors() || !value.IsKnown() || value.Type() != cty.String {
		return // it depends on a variable
	}
	path := filepath.Clean(value.AsString())
	source, err := os.ReadFile(path)
	if err != nil {
		w.found.add(call.Args[0].Range(), "there is no file %s", path)
		return
	}
	if call.Name == "templatefile" && len(call.Args) == 2 {
		w.checkTemplate(call, path, source)
	}
}

func (w *walker) checkTemplate(call *hclsyntax.FunctionCallExpr, path string, source []byte) {
	template, diagnostics := hclsyntax.ParseTemplate(source, path, hcl.InitialPos)
	w.found.addAll(diagnostics)
	arguments, ok := call.Args[1].(*hclsyntax.ObjectConsExpr)
	if diagnostics.HasErrors() || !ok {
		return
	}
	given := map[string]hcl.Range{}
	for _, item := range arguments.Items {
		if name := hcl.ExprAsKeyword(item.KeyExpr); name != "" {
			given[name] = item.KeyExpr.Range()
		}
	}
	used := map[string]bool{}
	for _, traversal := range template.Variables() {
		name := traversal.RootName()
		used[name] = true
		if _, ok := given[name]; !ok {
			w.found.add(traversal.SourceRange(), "the template is not given %s", name)
		}
	}
	for name, where := range given {
		if !used[name] {
			w.found.add(where, "template %s never uses %s", filepath.Base(path), name)
		}
	}
}
