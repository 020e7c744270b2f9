// Adds a post to a tenant's inbox and waits for the answer.
//
//	export INBOX_URL=redis://inbox-acme:PASSWORD@127.0.0.1:6379 TENANT=acme
//	go run . launch-2026 '{"brandSlug": "acme", "text": "Hello", "platforms": ["x"]}'
//
// The key is yours, one for each post: whatever happens, add the post again under the same key, and
// it is one post. Exit code 0: accepted, 1: refused, 2: no answer yet.
//
// It stands on the standard library alone: an app that has a client for Redis calls XADD and XREAD
// of that one, and keeps `again` and `publish`.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	tries        = 6
	answerWithin = time.Minute
	replyWithin  = 10 * time.Second
)

// refusal is an error that Redis answers, as opposed to no answer at all.
type refusal string

func (r refusal) Error() string { return string(r) }

// redis is one connection, made when it is needed.
type redis struct {
	at     *url.URL
	conn   net.Conn
	reader *bufio.Reader
}

func (r *redis) connect() error {
	conn, err := net.DialTimeout("tcp", r.at.Host, replyWithin)
	if err != nil {
		return err
	}
	r.conn, r.reader = conn, bufio.NewReader(conn)
	if password, has := r.at.User.Password(); has {
		_, err = r.exchange("AUTH", r.at.User.Username(), password)
	}
	return err
}

func (r *redis) exchange(words ...string) (any, error) {
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(word), word)
	}
	r.conn.SetDeadline(time.Now().Add(replyWithin))
	if _, err := io.WriteString(r.conn, command.String()); err != nil {
		return nil, err
	}
	return r.read()
}

func (r *redis) read() (any, error) {
	line, err := r.reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '-':
		return nil, refusal(rest)
	case '$':
		size, err := strconv.Atoi(rest)
		if err != nil || size < 0 {
			return nil, err
		}
		text := make([]byte, size+2)
		_, err = io.ReadFull(r.reader, text)
		return string(text[:size]), err
	case '*':
		size, err := strconv.Atoi(rest)
		if err != nil || size < 0 {
			return nil, err
		}
		list := make([]any, size)
		for at := range list {
			if list[at], err = r.read(); err != nil {
				return nil, err
			}
		}
		return list, nil
	default:
		return rest, nil
	}
}

// again calls until it works; a full Redis or a lost connection is waited for.
func (r *redis) again(words ...string) (reply any, err error) {
	for attempt := 1; ; attempt++ {
		if err = nil; r.conn == nil {
			err = r.connect()
		}
		if err == nil {
			reply, err = r.exchange(words...)
		}
		refused, isRefused := err.(refusal)
		isOurs := isRefused && !strings.HasPrefix(string(refused), "OOM")
		if err == nil || isOurs || attempt == tries {
			return reply, err
		}
		if !isRefused && r.conn != nil {
			r.conn.Close()
			r.conn = nil
		}
		fmt.Fprintln(os.Stderr, "again, because of:", err)
		time.Sleep(100 * time.Millisecond << attempt)
	}
}

// publish adds the post, and returns what the fleet answers to its key; "" when it does not yet.
func publish(r *redis, key, post string) (string, error) {
	inbox := "postfleet:inbox:" + os.Getenv("TENANT")
	answers, seen := inbox+":results", "0"
	newest, err := r.again("XREVRANGE", answers, "+", "-", "COUNT", "1")
	if err != nil {
		return "", err
	}
	for _, entry := range newest.([]any) {
		seen = entry.([]any)[0].(string)
	}
	if _, err := r.again("XADD", inbox, "*", "key", key, "post", post); err != nil {
		return "", err
	}
	for until := time.Now().Add(answerWithin); time.Now().Before(until); {
		read, err := r.again("XREAD", "BLOCK", "1000", "STREAMS", answers, seen)
		if err != nil {
			return "", err
		}
		streams, _ := read.([]any)
		for _, stream := range streams {
			for _, entry := range stream.([]any)[1].([]any) {
				seen = entry.([]any)[0].(string)
				flat, fields := entry.([]any)[1].([]any), map[string]string{}
				for at := 0; at+1 < len(flat); at += 2 {
					fields[flat[at].(string)] = flat[at+1].(string)
				}
				if fields["key"] == key {
					return fields["answer"], nil
				}
			}
		}
	}
	return "", nil
}

func main() {
	at, err := url.Parse(os.Getenv("INBOX_URL"))
	if err != nil || len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: INBOX_URL=… TENANT=… producer KEY POST")
		os.Exit(64)
	}
	answer, err := publish(&redis{at: at}, os.Args[1], os.Args[2])
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(70)
	case answer == "":
		fmt.Println("null")
		os.Exit(2)
	}
	fmt.Println(answer)
	var told struct{ Success bool }
	if json.Unmarshal([]byte(answer), &told) != nil || !told.Success {
		os.Exit(1)
	}
}
