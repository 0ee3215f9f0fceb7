package main

// nodesCmd is `cachectl nodes`.
type nodesCmd struct{}

// Help is shown by `cachectl nodes -h`.
func (*nodesCmd) Help() string {
	return `Each node with its id, which is how other commands name it, and what it was started with.

    cachectl nodes -o json | jq -r '.[].id'`
}

// Run prints the nodes.
func (*nodesCmd) Run(e *env) error {
	s, err := e.status(e.ctx)
	if err != nil {
		return err
	}
	if e.json {
		return e.writeJSON(s.Nodes)
	}
	rows := make([][]any, len(s.Nodes))
	for i, n := range s.Nodes {
		rows[i] = []any{n.ID, n.Addr, stateOf(n), n.PID, n.Weight, dash(n.Zone), n.PrimarySlots, n.ReplicaSlots}
	}
	e.table([]any{"id", "node", "state", "pid", "weight", "zone", "primary", "replica"}, rows)
	return nil
}

// dash stands for an empty text, as a column must hold something to be cut at blanks.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
