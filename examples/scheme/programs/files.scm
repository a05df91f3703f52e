;; Ten thousand files are opened and none is closed by the program. Ports that nobody holds any more are closed by their
;; cleanups; when descriptors run out, opening a file collects first and tries again.
(define name "tracegc-scheme-files.tmp")

;; This port is lost without having been closed: what is in its buffer is written all the same.
(define (write-lost-file)
  (let ((port (open-output-file name)))
    (write '(written by a port that was never closed) port)
    (newline port)
    (display "second line" port)
    (newline port)))
(write-lost-file)
(gc)

(define (first-char-of-lost-port)
  (let ((port (open-input-file name)))
    ;; The port becomes part of a cycle, so that only a collection finds that it is garbage.
    (define (self) (list self port))
    (read-char (cadr (self)))))

(let loop ((i 0) (read-so-far 0))
  (if (= i 10000)
      (begin (display read-so-far) (newline))
      (loop (+ i 1) (if (char=? (first-char-of-lost-port) #\() (+ read-so-far 1) read-so-far))))

(call-with-input-file name
  (lambda (port)
    (write (read port)) (newline)
    (write (read-line port)) (newline)
    (write (peek-char port)) (newline)
    (write (read-line port)) (newline)
    (write (eof-object? (read-char port))) (newline)))

(call-with-output-file name (lambda (port) (display "replaced" port) (newline port)))
(write (call-with-input-file name read-line)) (newline)
(delete-file name)
(write (file-exists? name)) (newline)
