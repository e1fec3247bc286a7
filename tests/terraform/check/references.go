package main

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A walker goes through the expressions of one block at the top of a module.
type walker struct {
	module *module
	all    *modules
	schema *schema
	found  *mistakes
	scopes []map[string]bool // names of for expressions and dynamic blocks
	top    *hclsyntax.Block
	inside []string // types of the blocks around
}

func (m *module) checkReferences(all *modules, schema *schema, found *mistakes) {
	for _, body := range m.bodies {
		for _, block := range body.Blocks {
			w := &walker{module: m, all: all, schema: schema, found: found, top: block}
			hclsyntax.Walk(block, w)
		}
	}
	for name, block := range m.variables {
		if !m.used["var."+name] {
			found.add(block.DefRange(), "variable %s is never used", name)
		}
	}
	for name, attribute := range m.locals {
		if !m.used["local."+name] {
			found.add(attribute.NameRange, "local.%s is never used", name)
		}
	}
}

// Enter is called by hclsyntax.Walk before the parts of a node.
func (w *walker) Enter(node hclsyntax.Node) hcl.Diagnostics {
	switch n := node.(type) {
	case *hclsyntax.Block:
		scope := map[string]bool{}
		if n.Type == "dynamic" && len(n.Labels) == 1 {
			scope[n.Labels[0]] = true
		}
		w.scopes = append(w.scopes, scope)
		w.inside = append(w.inside, n.Type)
	case *hclsyntax.ForExpr:
		w.scopes = append(w.scopes, map[string]bool{n.KeyVar: true, n.ValVar: true})
	case *hclsyntax.ScopeTraversalExpr:
		w.checkTraversal(n.Traversal)
	case *hclsyntax.RelativeTraversalExpr:
		w.checkIndexed(n.Source, n.Traversal)
	case *hclsyntax.SplatExpr:
		if each, ok := n.Each.(*hclsyntax.RelativeTraversalExpr); ok {
			w.checkAttribute(n.Source, each.Traversal)
		}
	case *hclsyntax.FunctionCallExpr:
		w.checkFunction(n)
	}
	return nil
}

// Exit is called by hclsyntax.Walk after them.
func (w *walker) Exit(node hclsyntax.Node) hcl.Diagnostics {
	switch node.(type) {
	case *hclsyntax.Block:
		w.inside = w.inside[:len(w.inside)-1]
		w.scopes = w.scopes[:len(w.scopes)-1]
	case *hclsyntax.ForExpr:
		w.scopes = w.scopes[:len(w.scopes)-1]
	}
	return nil
}

// step is the name of the traversal's part I, "" when that is an index.
func step(traversal hcl.Traversal, i int) string {
	if i < len(traversal) {
		if attribute, ok := traversal[i].(hcl.TraverseAttr); ok {
			return attribute.Name
		}
	}
	return ""
}

func (w *walker) isLocal(name string) bool {
	for _, scope := range w.scopes {
		if scope[name] {
			return true
		}
	}
	return false
}

func (w *walker) checkTraversal(traversal hcl.Traversal) {
	root, name, where := traversal.RootName(), step(traversal, 1), traversal.SourceRange()
	if w.isLocal(root) || w.isKeyword(traversal) {
		return
	}
	m := w.module
	known := true
	switch root {
	case "var":
		known = m.variables[name] != nil
		m.used["var."+name] = true
	case "local":
		known = m.locals[name] != nil
		m.used["local."+name] = true
	case "module":
		known = m.calls[name] != nil
		if known {
			w.checkOutput(name, traversal[2:], where)
		}
	case "path":
		known = name == "module" || name == "root" || name == "cwd"
	case "each", "count":
		needed := map[string]string{"each": "for_each", "count": "count"}[root]
		if w.top.Body.Attributes[needed] == nil {
			w.found.add(where, "%s.%s is in a block without %s", root, name, needed)
		}
		known = name == "index" || (root == "each" && (name == "key" || name == "value"))
	case "terraform":
		known = name == "workspace"
	case "self":
	case "data":
		name += "." + step(traversal, 2)
		known = m.resources["data."+name] != nil
		w.checkAttributeOf("data."+name, traversal, 3)
	default:
		known = m.resources[root+"."+name] != nil
		w.checkAttributeOf(root+"."+name, traversal, 2)
		if !known && len(traversal) == 1 {
			w.found.add(where, "%s is no reference; write \"%s\" for the text", root, root)
			return
		}
		if known {
			return
		}
		root += "." + name
		w.found.add(where, "%s is not declared", root)
		return
	}
	if !known {
		w.found.add(where, "%s.%s is not declared", root, name)
	}
}

// isKeyword: types of variables and names of arguments after ignore_changes are no references.
func (w *walker) isKeyword(traversal hcl.Traversal) bool {
	if len(traversal) != 1 {
		return false
	}
	innermost := w.inside[len(w.inside)-1]
	return innermost == "variable" || innermost == "lifecycle"
}

// checkOutput: REST is what follows module.NAME.
func (w *walker) checkOutput(name string, rest hcl.Traversal, where hcl.Range) {
	for len(rest) > 0 {
		if _, isIndex := rest[0].(hcl.TraverseIndex); !isIndex {
			break
		}
		rest = rest[1:]
	}
	called := w.module.called(name, w.all)
	if output := step(rest, 0); called != nil && !called.isBroken && output != "" && called.outputs[output] == nil {
		w.found.add(where, "module %s has no output %s", called.folder, output)
	}
}

// checkIndexed: an attribute of what an expression in brackets chose, as in aws_subnet.all[zone].id.
func (w *walker) checkIndexed(source hclsyntax.Expression, rest hcl.Traversal) {
	if index, ok := source.(*hclsyntax.IndexExpr); ok {
		w.checkAttribute(index.Collection, rest)
	}
}

func (w *walker) checkAttribute(source hclsyntax.Expression, rest hcl.Traversal) {
	expression, ok := source.(*hclsyntax.ScopeTraversalExpr)
	if !ok || w.isLocal(expression.Traversal.RootName()) {
		return
	}
	base := expression.Traversal
	switch {
	case base.RootName() == "module" && len(base) == 2:
		w.checkOutput(step(base, 1), rest, base.SourceRange())
	case base.RootName() == "data" && len(base) == 3:
		w.checkAttributeOf("data."+step(base, 1)+"."+step(base, 2), rest, 0)
	case len(base) == 2:
		w.checkAttributeOf(base.RootName()+"."+step(base, 1), rest, 0)
	}
}

// checkAttributeOf: the part I of the traversal, or the one after an index, is one that RESOURCE has.
func (w *walker) checkAttributeOf(resource string, traversal hcl.Traversal, i int) {
	block := w.module.resources[resource]
	if block == nil || i >= len(traversal) {
		return
	}
	if _, isIndex := traversal[i].(hcl.TraverseIndex); isIndex {
		i++
	}
	name := step(traversal, i)
	typ := w.schema.typeOf(block)
	if name != "" && typ != nil && !typ.has(name) {
		w.found.add(traversal.SourceRange(), "%s has no attribute %s", block.Labels[0], name)
	}
}

// checkTests: runs set variables and look at outputs that the module has.
func (m *module) checkTests(found *mistakes) {
	for _, body := range m.tests {
		for _, block := range body.Blocks {
			if block.Type == "variables" {
				m.checkTestVariables(block, found)
			}
			for _, inner := range block.Body.Blocks {
				if inner.Type == "variables" {
					m.checkTestVariables(inner, found)
				}
			}
			for _, traversal := range variablesBelow(block.Body) {
				name := step(traversal, 1)
				root := traversal.RootName()
				if (root == "var" && m.variables[name] == nil) || (root == "output" && m.outputs[name] == nil) {
					found.add(traversal.SourceRange(), "%s.%s is not declared", root, name)
				}
			}
		}
	}
}

func (m *module) checkTestVariables(block *hclsyntax.Block, found *mistakes) {
	for _, attribute := range block.Body.Attributes {
		if m.variables[attribute.Name] == nil {
			found.add(attribute.NameRange, "module %s has no variable %s", m.folder, attribute.Name)
		}
	}
}

func variablesBelow(body *hclsyntax.Body) []hcl.Traversal {
	var list []hcl.Traversal
	for _, attribute := range body.Attributes {
		list = append(list, attribute.Expr.Variables()...)
	}
	for _, block := range body.Blocks {
		list = append(list, variablesBelow(block.Body)...)
	}
	return list
}

// Functions of Terraform 1.5, without those of files and time that modules here have no use for.
var functions = strings.Fields(`abs ceil floor log max min parseint pow signum chomp endswith format
formatlist indent join lower regex regexall replace split startswith strcontains strrev substr title trim
trimprefix trimspace trimsuffix upper alltrue anytrue chunklist coalesce coalescelist compact concat contains
distinct element flatten index keys length lookup matchkeys merge one range reverse setintersection setproduct
setsubtract setunion slice sort sum transpose values zipmap base64decode base64encode base64gzip csvdecode
jsondecode jsonencode urlencode yamldecode yamlencode file fileexists fileset filebase64 templatefile
basename dirname md5 sha1 sha256 sha512 uuidv5 filesha256 cidrhost cidrnetmask cidrsubnet cidrsubnets can
nonsensitive sensitive tobool tolist tomap tonumber toset tostring try type`)

func (w *walker) checkFunction(call *hclsyntax.FunctionCallExpr) {
	known := w.inside[len(w.inside)-1] == "variable" // object() and the like are types there
	for _, name := range functions {
		known = known || name == call.Name
	}
	if !known {
		w.found.add(call.NameRange, "unknown function %s", call.Name)
	}
	w.checkFiles(call)
}
