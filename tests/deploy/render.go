// Renders the chart as Helm does, as far as the chart goes, where Helm is not at hand: Go's
// templates, the functions of sprig, and the handful of names that are Helm's own.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run tests/deploy/render.go CHART [KEY=VALUE…]
//
// It prints the manifests, and takes sprig from Debian's golang-github-masterminds-sprig-dev.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func load(path string) map[string]interface{} {
	text, err := os.ReadFile(path)
	must(err)
	values := map[string]interface{}{}
	must(yaml.Unmarshal(text, &values))
	return values
}

// set overrides one value, as `helm template --set` does.
func set(values map[string]interface{}, pair string) {
	name, text, _ := strings.Cut(pair, "=")
	path := strings.Split(name, ".")
	for _, part := range path[:len(path)-1] {
		values = values[part].(map[string]interface{})
	}
	last := path[len(path)-1]
	if _, known := values[last]; !known {
		must(fmt.Errorf("the chart has no value %s", name))
	}
	var value interface{}
	must(yaml.Unmarshal([]byte(text), &value))
	values[last] = value
}

func main() {
	chart := os.Args[1]
	about := load(filepath.Join(chart, "Chart.yaml"))
	values := load(filepath.Join(chart, "values.yaml"))
	for _, pair := range os.Args[2:] {
		set(values, pair)
	}
	all := template.New("chart").Option("missingkey=error")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	functions["include"] = func(name string, data interface{}) (string, error) {
		var out bytes.Buffer
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	all.Funcs(functions)
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(err)
		_, err = all.New(filepath.Base(file)).Parse(string(text))
		must(err)
	}
	data := map[string]interface{}{
		"Values": values,
		"Chart": map[string]interface{}{
			"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"],
		},
		"Release": map[string]interface{}{
			"Name": "posts", "Namespace": "publishing", "Service": "Helm",
		},
	}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var out bytes.Buffer
		must(all.ExecuteTemplate(&out, name, data))
		if name != "NOTES.txt" && strings.TrimSpace(out.String()) != "" {
			fmt.Printf("---\n# %s\n%s\n", name, out.String())
		}
	}
}
