;; Continuations: early exits, generators, and what dynamic-wind sees of them.
(define (find-first good? list)
  (call/cc (lambda (return)
             (for-each (lambda (item) (if (good? item) (return item))) list)
             #f)))
(write (find-first even? '(1 3 6 7 8))) (newline)
(write (+ 1 (call/cc (lambda (k) (* 10 (k 41)))))) (newline)

;; A generator jumps back and forth between a walk over a tree and whoever asks for the next leaf.
(define (make-generator tree)
  (define return #f)
  (define (resume) (walk tree) (return 'done))
  (define (walk node)
    (cond ((pair? node) (walk (car node)) (walk (cdr node)))
          ((not (null? node))
           (call/cc (lambda (rest)
                      (set! resume (lambda () (rest #f)))
                      (return node))))))
  (lambda () (call/cc (lambda (k) (set! return k) (resume)))))

(define (same-fringe? a b)
  (let ((next-a (make-generator a)) (next-b (make-generator b)))
    (let loop ()
      (let ((leaf-a (next-a)) (leaf-b (next-b)))
        (and (eqv? leaf-a leaf-b) (or (eq? leaf-a 'done) (loop)))))))
(write (same-fringe? '(1 (2 3) 4) '((1 2) (3 (4))))) (newline)
(write (same-fringe? '(1 (2 3) 4) '((1 2) (4 (3))))) (newline)

(define trace '())
(define (note! event) (set! trace (cons event trace)))
(define again #f)
(dynamic-wind
 (lambda () (note! 'in))
 (lambda () (call/cc (lambda (k) (set! again k))) (note! 'body))
 (lambda () (note! 'out)))
(if (< (length trace) 6) (again #f))
(write (reverse trace)) (newline)

(write (call-with-values (lambda () (values 1 2 3)) list)) (newline)
(write (guard (e ((symbol? e) (list 'caught e)) ((string? e) 'other)) (+ 1 (raise 'oops)))) (newline)
(write (with-exception-handler
        (lambda (e) 10)
        (lambda () (+ 1 (raise-continuable 'need-a-number)))))
(newline)

;; A continuation that is part of a cycle is collected like anything else.
(define (lose-a-cycle)
  (let ((cell (list #f)))
    (call/cc (lambda (k) (set-car! cell k)))
    (on-death cell "a frame in a cycle with a continuation has died")
    #t))
(write (lose-a-cycle)) (newline)
(gc)
