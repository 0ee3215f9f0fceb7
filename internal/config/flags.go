package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/alecthomas/kong"
)

// EnvPrefix stands before the name of a setting in the environment: RINGCACHE_PORT, RINGCACHE_NODE_TIMEOUT.
const EnvPrefix = "RINGCACHE"

// Groups of the help, in its order: the key in the tags and the title.
var groups = []kong.Group{
	{Key: "net", Title: "Network:"},
	{Key: "cluster", Title: "Cluster:"},
	{Key: "memory", Title: "Memory:"},
	{Key: "encodings", Title: "Encodings:"},
	{Key: "security", Title: "Security:"},
	{Key: "clients", Title: "Clients:"},
	{Key: "process", Title: "Process:"},
}

// helpColumns is the widest help, in columns: a line of it fits a common terminal.
const helpColumns = 110

// Parse reads a node's settings from its command line, the environment and the config file, and checks them. args has no
// program name. Where they ask for help or the version, that is written to stdout and done is true. An error is one line
// that says which setting is wrong: exit code 2.
func Parse(args []string, description, version string, stdout io.Writer) (c Config, done bool, err error) {
	var cli struct {
		Config

		Version kong.VersionFlag `name:"version" env:"-" help:"Show the version."`
	}
	file := new(fileResolver)
	parser, err := kong.New(&cli,
		kong.Name("cached"),
		kong.Description(description),
		kong.Vars{"version": version},
		kong.ExplicitGroups(groups),
		kong.DefaultEnvars(EnvPrefix),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: helpColumns, NoAppDescFormat: true}),
		kong.ValueFormatter(plainHelp),
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { done = true }),
		kong.Resolvers(file),
		kong.KindMapper(reflect.Int, mapper), kong.KindMapper(reflect.String, mapper), kong.KindMapper(reflect.Slice, mapper),
		kong.TypeMapper(reflect.TypeFor[Size](), mapper), kong.TypeMapper(reflect.TypeFor[Duration](), mapper),
		kong.TypeMapper(reflect.TypeFor[Grace](), mapper),
		kong.TypeMapper(reflect.TypeFor[YesNo](), mapper), kong.TypeMapper(reflect.TypeFor[Perm](), mapper),
		kong.TypeMapper(reflect.TypeFor[OutputLimits](), mapper),
	)
	if err != nil {
		return Config{}, false, fmt.Errorf("config: %w", err)
	}
	_, err = parser.Parse(args)
	if done {
		return Config{}, true, nil
	}
	if file.err != nil {
		return Config{}, false, file.err // kong would name the flag that it happened to be at
	}
	if err == nil {
		err = cli.Validate()
	}
	if err != nil {
		return Config{}, false, err
	}
	return cli.Config, false, nil
}

// plainHelp leaves out the name of the environment variable beside each flag: it is always the flag's, and the
// description says so once.
func plainHelp(v *kong.Value) string { return v.Help }

// mapper decodes every setting through its one parser, so flags, environment, file and CONFIG SET accept the same.
var mapper = kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("value")
	if err != nil {
		return errors.New("needs a value")
	}
	text := token.String()
	s := lookup(ctx.Value.Name)
	if s == nil {
		return fmt.Errorf("unknown setting %s", ctx.Value.Name)
	}
	cur := target
	if target.IsZero() && target.Kind() != reflect.Slice && s.deflt != text {
		cur = s.of(defaults()) // what a partial value is completed from
	}
	v, err := s.parse(cur, text)
	if err != nil {
		return err
	}
	if target.Kind() == reflect.Slice {
		v = reflect.AppendSlice(target, v) // a repeated flag adds
	}
	target.Set(v)
	return nil
})

// fileResolver gives kong the values of the file that --config or RINGCACHE_CONFIG names. It reads the file once.
type fileResolver struct {
	read   bool
	values map[string]string
	err    error
}

// Validate is part of kong.Resolver: ParseFile has already refused unknown names.
func (r *fileResolver) Validate(*kong.Application) error { return nil }

// Resolve answers the file's value of flag, or nil where the file has none or the environment comes first.
func (r *fileResolver) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !r.read {
		r.read = true
		if path := filePath(ctx); path != "" {
			r.values, r.err = readFile(path)
		}
	}
	value, ok := r.values[flag.Name]
	if !ok {
		return nil, nil //nolint:nilnil // kong's way to say that this resolver has no value
	}
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil //nolint:nilnil // the environment has it
		}
	}
	return value, nil
}

// filePath is the config file that the command line or the environment names, or "".
func filePath(ctx *kong.Context) string {
	for _, f := range ctx.Model.Flags {
		if f.Name == "config" {
			path, _ := ctx.FlagValue(f).(string)
			return path
		}
	}
	return ""
}
