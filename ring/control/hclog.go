package control

import (
	"context"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// raftLog takes Raft's log lines to slog. What Raft calls an error is mostly one failed call to a peer that is down: those
// become debug lines here, since the control plane itself says which node it counts as down.
type raftLog struct {
	log  *slog.Logger
	name string
	args []any
}

var _ hclog.Logger = (*raftLog)(nil)

func (l *raftLog) Log(level hclog.Level, msg string, args ...any) {
	at := slog.LevelDebug
	if level >= hclog.Error {
		at = slog.LevelInfo
	}
	l.log.Log(context.Background(), at, msg, append(append([]any{"from", "raft"}, l.args...), args...)...)
}

func (l *raftLog) Trace(string, ...any)             {}
func (l *raftLog) Debug(msg string, args ...any)    { l.Log(hclog.Debug, msg, args...) }
func (l *raftLog) Info(msg string, args ...any)     { l.Log(hclog.Info, msg, args...) }
func (l *raftLog) Warn(msg string, args ...any)     { l.Log(hclog.Warn, msg, args...) }
func (l *raftLog) Error(msg string, args ...any)    { l.Log(hclog.Warn, msg, args...) }
func (l *raftLog) IsTrace() bool                    { return false }
func (l *raftLog) IsDebug() bool                    { return l.log.Enabled(context.Background(), slog.LevelDebug) }
func (l *raftLog) IsInfo() bool                     { return true }
func (l *raftLog) IsWarn() bool                     { return true }
func (l *raftLog) IsError() bool                    { return true }
func (l *raftLog) ImpliedArgs() []any               { return l.args }
func (l *raftLog) Name() string                     { return l.name }
func (l *raftLog) SetLevel(hclog.Level)             {}
func (l *raftLog) GetLevel() hclog.Level            { return hclog.Debug }
func (l *raftLog) Named(name string) hclog.Logger   { return &raftLog{l.log, name, l.args} }
func (l *raftLog) ResetNamed(n string) hclog.Logger { return &raftLog{l.log, n, l.args} }
func (l *raftLog) With(args ...any) hclog.Logger {
	return &raftLog{l.log, l.name, append(append([]any(nil), l.args...), args...)}
}

func (l *raftLog) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(l.log.Handler(), slog.LevelDebug)
}

func (l *raftLog) StandardWriter(o *hclog.StandardLoggerOptions) io.Writer {
	return l.StandardLogger(o).Writer()
}
