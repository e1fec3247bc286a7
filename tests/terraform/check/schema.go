package main

import (
	"encoding/json"
	"net"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// What a resource, or a block in it, takes. A kind is a letter of aws_schema.py, with ! when required.
type blockType struct {
	Required   string
	Arguments  map[string]string
	Blocks     map[string]*blockType
	Attributes []string
}

type schema struct {
	Types map[string]*blockType
}

func loadSchema(path string) (*schema, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &schema{}
	return s, json.Unmarshal(text, s)
}

// typeOf is nil for what is of another provider.
func (s *schema) typeOf(block *hclsyntax.Block) *blockType {
	if len(block.Labels) == 0 {
		return nil
	}
	return s.Types[block.Type+" "+block.Labels[0]]
}

func (t *blockType) has(attribute string) bool {
	for _, name := range t.Attributes {
		if name == attribute {
			return true
		}
	}
	_, isArgument := t.Arguments[attribute]
	return isArgument || t.Blocks[attribute] != nil
}

var metaArguments = map[string]bool{"count": true, "for_each": true, "provider": true, "depends_on": true}
var metaBlocks = map[string]bool{"lifecycle": true, "connection": true, "provisioner": true}

func (m *module) checkResources(s *schema, found *mistakes) {
	for name, block := range m.resources {
		typ := s.typeOf(block)
		if typ == nil {
			if strings.HasPrefix(block.Labels[0], "aws_") {
				found.add(block.DefRange(), "%s is not in the schema; is it misspelt? For a new one run aws_schema.py",
					strings.TrimSuffix(name, "."+block.Labels[1]))
			}
			continue
		}
		typ.check(block.Labels[0], block, block.Body, true, found)
	}
}

// check compares a body with what may be in it; TOP is a resource, which has arguments of Terraform itself.
func (t *blockType) check(name string, block *hclsyntax.Block, body *hclsyntax.Body, top bool, found *mistakes) {
	for _, attribute := range body.Attributes {
		kind, isArgument := t.Arguments[attribute.Name]
		switch {
		case top && metaArguments[attribute.Name]:
		case t.Blocks[attribute.Name] != nil:
			found.add(attribute.NameRange, "%s of %s is a block; write %s { ... } without =",
				attribute.Name, name, attribute.Name)
		case !isArgument:
			found.add(attribute.NameRange, "%s has no argument %s%s", name, attribute.Name, t.similar(attribute.Name))
		default:
			checkKind(name, attribute, kind, found)
		}
	}
	present := t.checkBlocks(name, body, top, found)
	for argument, kind := range t.Arguments {
		if strings.HasSuffix(kind, "!") && body.Attributes[argument] == nil {
			found.add(block.DefRange(), "%s needs %s", name, argument)
		}
	}
	for inner, typ := range t.Blocks {
		if typ.Required == "!" && !present[inner] {
			found.add(block.DefRange(), "%s needs a block %s", name, inner)
		}
	}
}

// checkBlocks returns the types of the blocks that are there.
func (t *blockType) checkBlocks(name string, body *hclsyntax.Body, top bool, found *mistakes) map[string]bool {
	present := map[string]bool{}
	for _, block := range body.Blocks {
		typeName, content, where := block.Type, block.Body, block.TypeRange
		if block.Type == "dynamic" && len(block.Labels) == 1 {
			typeName, content, where = block.Labels[0], nil, block.LabelRanges[0]
			for _, inner := range block.Body.Blocks {
				if inner.Type == "content" {
					content = inner.Body
				}
			}
		}
		present[typeName] = true
		typ := t.Blocks[typeName]
		switch {
		case top && metaBlocks[typeName]:
		case typ == nil && t.Arguments[typeName] != "":
			found.add(where, "%s of %s is an argument; write %s = ...", typeName, name, typeName)
		case typ == nil:
			found.add(where, "%s has no block %s%s", name, typeName, t.similar(typeName))
		case content == nil:
			found.add(where, "dynamic %s has no block content", typeName)
		default:
			typ.check(name+"."+typeName, block, content, false, found)
		}
	}
	return present
}

// checkKind looks at values that are written out.
func checkKind(name string, attribute *hclsyntax.Attribute, kind string, found *mistakes) {
	value, diagnostics := attribute.Expr.Value(nil)
	if diagnostics.HasErrors() || value.IsNull() || !value.IsKnown() {
		return
	}
	wanted, text := cty.DynamicPseudoType, ""
	switch kind[0] {
	case 'n':
		wanted, text = cty.Number, "a number"
	case 'b':
		wanted, text = cty.Bool, "true or false"
	case 's':
		wanted, text = cty.String, "text"
	case 'l':
		if value.Type().IsPrimitiveType() {
			wanted, text = cty.List(cty.String), "a list"
		}
	}
	if wanted != cty.DynamicPseudoType {
		if _, err := convert.Convert(value, wanted); err != nil {
			found.add(attribute.Expr.Range(), "%s of %s is %s", attribute.Name, name, text)
		}
	}
}

// similar is a suggestion for a name that may be misspelt.
func (t *blockType) similar(wrong string) string {
	best, least := "", 3
	consider := func(name string) {
		if d := distance(wrong, name); d < least || (d == least && d < 3 && name < best) {
			best, least = name, d
		}
	}
	for name := range t.Arguments {
		consider(name)
	}
	for name := range t.Blocks {
		consider(name)
	}
	if best == "" {
		return ""
	}
	return "; is " + best + " meant?"
}

// distance is how many letters must be changed, put in or taken out.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := before
			if a[i-1] != b[j-1] {
				cost++
			}
			before = row[j]
			for _, other := range []int{row[j] + 1, row[j-1] + 1} {
				if other < cost {
					cost = other
				}
			}
			row[j] = cost
		}
	}
	return row[len(b)]
}

// checkNetworks: what is called cidr and is written out is the address of a network.
func (m *module) checkNetworks(found *mistakes) {
	for _, body := range m.bodies {
		for _, block := range body.Blocks {
			checkNetworksBelow(block.Type == "variable" && strings.Contains(block.Labels[0], "cidr"), block.Body, found)
		}
	}
}

func checkNetworksBelow(isDefault bool, body *hclsyntax.Body, found *mistakes) {
	for _, attribute := range body.Attributes {
		if (isDefault && attribute.Name == "default") || strings.Contains(attribute.Name, "cidr") {
			checkNetwork(attribute, found)
		}
	}
	for _, block := range body.Blocks {
		checkNetworksBelow(false, block.Body, found)
	}
}

func checkNetwork(attribute *hclsyntax.Attribute, found *mistakes) {
	value, diagnostics := attribute.Expr.Value(nil)
	if diagnostics.HasErrors() || value.IsNull() || !value.IsWhollyKnown() {
		return
	}
	values := []cty.Value{value}
	if !value.Type().IsPrimitiveType() && value.CanIterateElements() {
		values = value.AsValueSlice()
	}
	for _, each := range values {
		if each.Type() != cty.String || each.AsString() == "" {
			continue
		}
		address, network, err := net.ParseCIDR(each.AsString())
		if err != nil || !address.Equal(network.IP) {
			found.add(attribute.Expr.Range(), "%q is no network; write \"10.0.0.0/16\", for example", each.AsString())
		}
	}
}
